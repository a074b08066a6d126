/**
 * The walk through a value that is to be sent, shared by all serializers: what stands for what, what cannot be sent at
 * all, and where in the value it sits.
 *
 * `undefined` becomes null, but drops out of objects. Objects of classes are asked for `toWire()`, then for
 * `toJSON()`, else their own enumerable properties are taken. Maps, Sets, functions, errors, promises, iterators and
 * circles are refused.
 */

import { CeleryError, EncodeError } from '../../errors.ts'
import { Float } from '../../util/float.ts'

/** A value that every serializer can write. */
export type Primitive = string | number | bigint | boolean | null

/** What a serializer makes out of the pieces. What it throws is reported as `EncodeError` with the place. */
export interface WireBuilder<Out> {
  primitive(value: Primitive): Out
  /** A number that is a float to Python even when it is integral. */
  float(value: Float): Out
  /**
   * Objects with a form of their own, such as dates and bytes; undefined: it is none of these.
   *
   * @param build makes what belongs to it.
   */
  special(value: object, build: (value: unknown) => Out): Out | undefined
  list(items: Out[]): Out
  map(entries: [key: string, value: Out][]): Out
}

/**
 * Builds the wire form of a value.
 *
 * @throws EncodeError naming the place in the value that cannot be sent.
 */
export function buildWire<Out>(value: unknown, builder: WireBuilder<Out>): Out {
  const walk = new Walk(builder)
  try {
    return walk.build(value)
  } catch (cause) {
    if (cause instanceof CeleryError) throw cause
    if (cause instanceof RangeError && /call stack/i.test(cause.message)) {
      throw new EncodeError('Cannot encode a value that is nested so deeply', { cause })
    }
    throw new EncodeError(walk.complaint(cause instanceof Error ? cause.message : String(cause)), { cause })
  }
}

class Walk<Out> {
  readonly #builder: WireBuilder<Out>
  readonly #path: (string | number)[] = []
  readonly #open = new Set<object>()

  constructor(builder: WireBuilder<Out>) {
    this.#builder = builder
  }

  build(value: unknown): Out {
    switch (typeof value) {
      case 'string':
      case 'number':
      case 'bigint':
      case 'boolean':
        return this.#builder.primitive(value)
      case 'undefined':
        return this.#builder.primitive(null)
      case 'function':
        throw this.#refusal(`a function (${value.name || 'anonymous'}) cannot be sent`)
      case 'symbol':
        throw this.#refusal(`a symbol (${String(value)}) cannot be sent`)
      case 'object':
        return value === null ? this.#builder.primitive(null) : this.#buildObject(value)
    }
  }

  complaint(reason: string): string {
    const place = this.#path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('')
    return `Cannot encode the value${place === '' ? '' : ` at ${place}`}: ${reason}`
  }

  #refusal(reason: string): EncodeError {
    return new EncodeError(this.complaint(reason))
  }

  #buildObject(object: object): Out {
    if (this.#open.has(object)) throw this.#refusal('it contains itself')
    if (object instanceof Float) return this.#builder.float(object)
    this.#open.add(object)
    const built = this.#builder.special(object, (value) => this.build(value)) ?? this.#buildPlain(object)
    this.#open.delete(object)
    return built
  }

  #buildPlain(object: object): Out {
    if (Array.isArray(object)) return this.#buildList(object)
    const replacement = replace(object)
    if (replacement !== object) return this.build(replacement)
    const reason = unfit(object)
    if (reason !== undefined) throw this.#refusal(reason)
    const entries: [string, Out][] = []
    for (const [key, value] of Object.entries(object)) {
      if (value === undefined) continue
      this.#path.push(key)
      entries.push([key, this.build(value)])
      this.#path.pop()
    }
    return this.#builder.map(entries)
  }

  #buildList(items: readonly unknown[]): Out {
    const built: Out[] = []
    for (let i = 0; i < items.length; i++) {
      this.#path.push(i)
      built.push(this.build(items[i]))
      this.#path.pop()
    }
    return this.#builder.list(built)
  }
}

/** What an object wants to be sent in its place; itself when it has no wish. */
function replace(object: object): unknown {
  if ('toWire' in object && typeof object.toWire === 'function') return object.toWire()
  if ('toJSON' in object && typeof object.toJSON === 'function') return object.toJSON()
  if (object instanceof Number || object instanceof String || object instanceof Boolean)
    return object.valueOf()
  return object
}

/** Why an object cannot be sent; undefined when it can. */
function unfit(object: object): string | undefined {
  if (object instanceof Map) return 'a Map cannot be sent; send Object.fromEntries(map)'
  if (object instanceof Set) return 'a Set cannot be sent; send [...set]'
  if (object instanceof Error) return `an error (${object.name}) cannot be sent; send its message`
  if (object instanceof Promise) return 'a Promise cannot be sent; await it first'
  if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) {
    return `a ${object.constructor.name} cannot be sent; send a Uint8Array`
  }
  if (Symbol.iterator in object || Symbol.asyncIterator in object)
    return 'an iterator cannot be sent; send an array'
  if (object instanceof RegExp || object instanceof WeakMap || object instanceof WeakSet) {
    return `a ${object.constructor.name} cannot be sent`
  }
  return undefined
}
