/**
 * The stack machine that a pickle is a program for. States: **reading** instructions → **done** at STOP.
 *
 * The machine has a stack of values, marks in it, and a memo of values that are used again. It takes one instruction
 * after the other, so depth costs no stack of ours.
 */
import { DecodeError } from '../../../errors.ts'
import { asBuffer } from '../../../util/as-buffer.ts'
import { setOwn } from '../../../util/set-own.ts'
import type { PickleGlobals, PickleMaker } from './pickle-globals.ts'
import { namedOnly, PicklePart } from './pickle-globals.ts'
import { decodeSurrogateUtf8 } from './surrogate-utf8.ts'

/** A maker on the stack. */
class Maker extends PicklePart {
  readonly what: string
  readonly make: PickleMaker

  constructor(what: string, make: PickleMaker) {
    super()
    this.what = what
    this.make = make
  }
}

/** An object whose state is still to come. */
class Draft extends PicklePart {
  readonly what: string
  readonly make: PickleMaker
  /** Where it is remembered. */
  memo: number | undefined

  constructor({ what, make }: Maker) {
    super()
    this.what = what
    this.make = make
  }
}

const HIGHEST_PROTOCOL = 5

type Instruction = (machine: PickleReader) => void

/** Reads one pickle. */
export class PickleReader {
  readonly #buffer: Buffer
  readonly #globals: PickleGlobals
  #position = 0
  #stack: unknown[] = []
  readonly #marked: unknown[][] = []
  readonly #memo = new Map<number, unknown>()
  /** Tuples in which something is no plain value: they may only be arguments. */
  readonly #arguments = new WeakSet<object>()

  constructor(bytes: Uint8Array, globals: PickleGlobals) {
    this.#buffer = asBuffer(bytes)
    this.#globals = globals
  }

  /** @throws DecodeError, or RangeError when the bytes end too soon. */
  read(): unknown {
    for (;;) {
      const code = this.#buffer.readUInt8(this.#position++)
      if (code === STOP) return this.#plain(this.pop())
      const instruction = INSTRUCTIONS.get(code)
      if (instruction === undefined) {
        throw new DecodeError(`A pickle has the instruction 0x${code.toString(16)}, which is not read`)
      }
      instruction(this)
    }
  }

  push(value: unknown): void {
    this.#stack.push(value)
  }

  pop(): unknown {
    if (this.#stack.length === 0) throw new DecodeError('A pickle takes more from its stack than there is')
    return this.#stack.pop()
  }

  mark(): void {
    this.#marked.push(this.#stack)
    this.#stack = []
  }

  /** What was put onto the stack since the last mark. */
  popMark(): unknown[] {
    const before = this.#marked.pop()
    if (before === undefined) throw new DecodeError('A pickle has no mark where it needs one')
    const items = this.#stack
    this.#stack = before
    return items
  }

  /** What the topmost values make together. */
  shortTuple(size: number): void {
    const items: unknown[] = []
    for (let index = 0; index < size; index++) items.unshift(this.pop())
    this.tuple(items)
  }

  tuple(items: unknown[]): void {
    if (!items.every((item) => this.#isPlain(item))) this.#arguments.add(items)
    this.push(items)
  }

  frozenSet(items: readonly unknown[]): void {
    this.push(new Set(items.map((item) => this.#plain(item))))
  }

  protocol(): void {
    const protocol = this.uint(1)
    if (protocol > HIGHEST_PROTOCOL) throw new DecodeError(`Pickles of protocol ${protocol} are not read`)
  }

  /** Unsigned, little-endian. */
  uint(size: 1 | 2 | 4): number {
    return this.#buffer.readUIntLE(this.#advance(size), size)
  }

  /** Lengths of 64 bits. */
  length64(): number {
    return Number(this.#buffer.readBigUInt64LE(this.#advance(8)))
  }

  int32(): number {
    return this.#buffer.readInt32LE(this.#advance(4))
  }

  double(): number {
    return this.#buffer.readDoubleBE(this.#advance(8))
  }

  /** Two's complement, little-endian. */
  integer(size: number): number | bigint {
    const bytes = this.bytes(size).toReversed()
    const value = bytes.length === 0 ? 0n : BigInt(`0x${asBuffer(bytes).toString('hex')}`)
    const signed = BigInt.asIntN(size * 8, value)
    const number = Number(signed)
    return Number.isSafeInteger(number) ? number : signed
  }

  /** A copy: the pickle's memory may be used again. */
  bytes(size: number): Uint8Array {
    const rest = this.#buffer.length - this.#position
    if (size > rest) throw new RangeError(`${size} more bytes were announced, but only ${rest} are left`)
    const start = this.#advance(size)
    return new Uint8Array(this.#buffer.subarray(start, start + size))
  }

  text(size: number): string {
    return decodeSurrogateUtf8(this.bytes(size))
  }

  line(): string {
    const end = this.#buffer.indexOf(0x0a, this.#position)
    if (end < 0) throw new RangeError('a line has no end')
    const text = this.text(end - this.#position)
    this.#position++
    return text
  }

  remember(key: number): void {
    const value = this.pop()
    this.push(value)
    if (value instanceof Draft) value.memo = key
    this.#memo.set(key, value)
  }

  memoize(): void {
    this.remember(this.#memo.size)
  }

  recall(key: number): void {
    if (!this.#memo.has(key)) throw new DecodeError('A pickle uses what it has not remembered')
    this.push(this.#memo.get(key))
  }

  append(items: readonly unknown[]): void {
    const list = this.pop()
    if (!Array.isArray(list)) throw new DecodeError('A pickle appends to what is no list')
    for (const item of items) list.push(this.#plain(item))
    this.push(list)
  }

  addToSet(items: readonly unknown[]): void {
    const set = this.pop()
    if (!(set instanceof Set)) throw new DecodeError('A pickle adds to what is no set')
    for (const item of items) set.add(this.#plain(item))
    this.push(set)
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.pop()
    if (!isDict(dict)) throw new DecodeError('A pickle sets items of what is no dict')
    for (let index = 0; index + 1 < items.length; index += 2) {
      setOwn(dict, keyOf(items[index]), this.#plain(items[index + 1]))
    }
    this.push(dict)
  }

  global(module: unknown, name: unknown): void {
    const what = `${String(module)}.${String(name)}`
    const named = namedOnly(what)
    if (named !== undefined) {
      this.push(named)
      return
    }
    const make = this.#globals.get(what)
    if (make === undefined) {
      throw new DecodeError(
        `The pickle holds ${JSON.stringify(what.slice(0, 200))}, which is no plain value: only None, bool, int, ` +
          'float, str, bytes, list, tuple, dict, set, datetime, Decimal and UUID are read',
      )
    }
    this.push(new Maker(what, make))
  }

  /** Calls what may be called. */
  reduce(): void {
    const args = this.pop()
    const maker = this.pop()
    const make = maker instanceof Maker ? maker.make : maker
    if (typeof make !== 'function' || !Array.isArray(args)) {
      throw new DecodeError('A pickle calls what cannot be called')
    }
    this.push(Reflect.apply(make, undefined, args))
  }

  newObject(): void {
    const args = this.pop()
    const maker = this.pop()
    if (!(maker instanceof Maker) || !Array.isArray(args)) {
      throw new DecodeError('A pickle makes an object of what is no class')
    }
    this.push(args.length === 0 ? new Draft(maker) : Reflect.apply(maker.make, undefined, args))
  }

  /** Gives an object its state, which here makes it. */
  build(): void {
    const state = this.pop()
    const draft = this.pop()
    if (!(draft instanceof Draft)) throw new DecodeError('A pickle sets the state of a finished object')
    const built = draft.make(state)
    if (draft.memo !== undefined) this.#memo.set(draft.memo, built)
    this.push(built)
  }

  #advance(size: number): number {
    const start = this.#position
    this.#position += size
    return start
  }

  #isPlain(value: unknown): boolean {
    if (value instanceof PicklePart || typeof value === 'function') return false
    return !(Array.isArray(value) && this.#arguments.has(value))
  }

  #plain(value: unknown): unknown {
    if (this.#isPlain(value)) return value
    const what = value instanceof PicklePart ? value.what : 'a part of something'
    throw new DecodeError(`The pickle holds ${what}, which is no plain value`)
  }
}

function isDict(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

/** As Python's JSON has it. */
function keyOf(key: unknown): string {
  if (typeof key === 'string') return key
  if (key === null || typeof key === 'number' || typeof key === 'bigint' || typeof key === 'boolean') {
    return String(key)
  }
  throw new DecodeError('A pickled dict has a key that is neither text nor number')
}

const STOP = 0x2e

/** By code, in the order of Python's documentation: numbers, texts and bytes, collections, memo, objects. */
const INSTRUCTIONS: ReadonlyMap<number, Instruction> = new Map<number, Instruction>([
  [0x80, (m) => m.protocol()],
  [0x95, (m) => void m.length64()],
  [0x4e, (m) => m.push(null)],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [0x4a, (m) => m.push(m.int32())],
  [0x4b, (m) => m.push(m.uint(1))],
  [0x4d, (m) => m.push(m.uint(2))],
  [0x8a, (m) => m.push(m.integer(m.uint(1)))],
  [0x8b, (m) => m.push(m.integer(m.uint(4)))],
  [0x47, (m) => m.push(m.double())],

  [0x8c, (m) => m.push(m.text(m.uint(1)))],
  [0x58, (m) => m.push(m.text(m.uint(4)))],
  [0x8d, (m) => m.push(m.text(m.length64()))],
  [0x43, (m) => m.push(m.bytes(m.uint(1)))],
  [0x42, (m) => m.push(m.bytes(m.uint(4)))],
  [0x8e, (m) => m.push(m.bytes(m.length64()))],
  [0x96, (m) => m.push(m.bytes(m.length64()))],

  [0x28, (m) => m.mark()],
  [0x30, (m) => void m.pop()],
  [0x31, (m) => void m.popMark()],
  [0x5d, (m) => m.push([])],
  [0x61, (m) => m.append([m.pop()])],
  [0x65, (m) => m.append(m.popMark())],
  [0x29, (m) => m.push([])],
  [0x74, (m) => m.tuple(m.popMark())],
  [0x85, (m) => m.shortTuple(1)],
  [0x86, (m) => m.shortTuple(2)],
  [0x87, (m) => m.shortTuple(3)],
  [0x7d, (m) => m.push({})],
  [0x73, (m) => m.setItems([m.pop(), m.pop()].reverse())],
  [0x75, (m) => m.setItems(m.popMark())],
  [0x8f, (m) => m.push(new Set())],
  [0x90, (m) => m.addToSet(m.popMark())],
  [0x91, (m) => m.frozenSet(m.popMark())],

  [0x71, (m) => m.remember(m.uint(1))],
  [0x72, (m) => m.remember(m.uint(4))],
  [0x94, (m) => m.memoize()],
  [0x68, (m) => m.recall(m.uint(1))],
  [0x6a, (m) => m.recall(m.uint(4))],

  [0x63, (m) => m.global(m.line(), m.line())],
  [0x93, (m) => m.global(...swapped(m.pop(), m.pop()))],
  [0x52, (m) => m.reduce()],
  [0x81, (m) => m.newObject()],
  [0x62, (m) => m.build()],
])

/** Module and name lie on the stack in this order, so the name comes off first. */
function swapped(name: unknown, module: unknown): [module: unknown, name: unknown] {
  return [module, name]
}
