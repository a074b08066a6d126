import { isDeepStrictEqual } from 'node:util'
import { NotRegistered } from '../errors.ts'
import type { SignatureData } from '../protocol/signature.ts'
import { AsyncResult, trusted } from '../result/async-result.ts'
import type { ResultNode } from '../result/ports.ts'
import type { ResultPromise } from '../result/result-promise.ts'
import { isPlainObject } from '../util/is-record.ts'
import { repr } from '../util/repr.ts'
import { uuid } from '../util/uuid.ts'
import type { ApplyArguments, ApplyOptions } from './call-arguments.ts'
import type { UserCallOptions } from './call-options.ts'
import { NO_OPTIONS, toWireOptions } from './call-options.ts'
import { applyTask, callTask } from './call-task.ts'
import type { TaskHost, WireOptions } from './ports.ts'
import type { NamedStamps, StampOptions, Stamps } from './stamping.ts'
import { mergeStamps } from './stamping.ts'

/** The arguments that signatures of a type want. Of a union: those that all of them take. */
export type ArgsOf<S> = [S] extends [{ readonly '~types': { readonly args: (args: infer Args) => void } }]
  ? Args extends readonly unknown[]
    ? Args
    : never
  : never

/** The value that a signature of a type gives. */
export type ResultOf<S> = S extends { readonly '~types': { readonly result: infer R } } ? R : never

/** What applying a signature of a type gives. */
export type HandleOf<S> = S extends { readonly '~types': { readonly handle: infer H extends ResultNode } }
  ? H
  : never

/** What signatures need of the app beyond what tasks need: the canvas, which stands above them. */
export interface CanvasHost extends TaskHost {
  /** Puts one after the other, as Python's `|` does. */
  pipe(left: AnySignature, right: AnySignature): AnySignature
  /** Makes a signature of plain data, or a copy of a signature. Celery: `maybe_signature`. */
  signatureFrom(signature: unknown): AnySignature
}

/** A signature of which nothing is known but that it is one. */
export type AnySignature = Signature<never, unknown, ResultNode>

/** One to which a value can be handed as first argument. */
export type Accepts<T> = Signature<[T], unknown, ResultNode>

type Kwargs = Readonly<Record<string, unknown>>

/** What a signature is made of. */
export interface SignatureParts {
  readonly task: string
  readonly args?: readonly unknown[]
  readonly kwargs?: Kwargs
  readonly options?: WireOptions
  readonly immutable?: boolean
}

/** A call of a signature, with what was bound before. */
export interface MergedCall {
  readonly args: readonly unknown[]
  readonly kwargs: Kwargs
  readonly options: WireOptions
  /** The options of this very call, without those that were set before. */
  readonly given: WireOptions
}

/** When a linked signature is called: on success or on failure. */
export type LinkKind = 'link' | 'link_error'

/** Ids and links to the workflow that freezing fills in. */
export interface FreezeOptions {
  readonly id?: string | undefined
  readonly groupId?: string | undefined
  readonly groupIndex?: number | undefined
  readonly chord?: AnySignature | SignatureData | undefined
  readonly rootId?: string | undefined
  readonly parentId?: string | undefined
}

/**
 * Decides on stamps, signature by signature. Every method gets what is about to be stamped and the stamps so far, and
 * answers more of them. Celery: `StampingVisitor`.
 */
export interface StampingVisitor {
  /** For every single call. */
  onSignature(signature: AnySignature, stamps: Stamps): Stamps | undefined
  /** For all members of a group. */
  onGroupStart?(group: AnySignature, stamps: Stamps): Stamps | undefined
  onGroupEnd?(group: AnySignature, stamps: Stamps): void
  /** For all elements of a chain. */
  onChainStart?(chain: AnySignature, stamps: Stamps): Stamps | undefined
  onChainEnd?(chain: AnySignature, stamps: Stamps): void
  /** For the whole header of a chord. Default: what `onGroupStart` says of a group of its members. */
  onChordHeaderStart?(chord: AnySignature, stamps: Stamps): Stamps | undefined
  onChordHeaderEnd?(chord: AnySignature, stamps: Stamps): void
  /** For the body of a chord. */
  onChordBody?(chord: AnySignature, stamps: Stamps): Stamps | undefined
  /** For what is linked. */
  onCallback?(callback: AnySignature, stamps: Stamps): Stamps | undefined
  /** For what is linked for errors. */
  onErrback?(errback: AnySignature, stamps: Stamps): Stamps | undefined
}

/** Who stamps, and how. */
export interface Stamping {
  readonly visitor: StampingVisitor | undefined
  readonly append: boolean
}

/** Options that stay as they are once they are set, because others rely on them. */
const PROTECTED: ReadonlySet<string> = new Set(['group_id', 'stamped_headers'])

/**
 * A call as a thing: name, arguments and options, to be applied, passed on, combined or sent inside a message.
 * Celery: `Signature`.
 *
 * `Args` are the arguments that are still missing (a union of tuples), `R` is the value of the result, `H` the object
 * that applying gives. Options are kept as they travel. It changes in place where Celery's does: `set`, `link`,
 * `freeze`.
 */
export class Signature<
  Args extends readonly unknown[] = never,
  R = unknown,
  H extends ResultNode = AsyncResult<R>,
> {
  /** For the compiler only: makes signatures that want other arguments or give other values different types. */
  declare readonly '~types': { readonly args: (args: Args) => void; readonly result: R; readonly handle: H }
  readonly task: string
  args: readonly unknown[]
  kwargs: Kwargs
  /** In wire form; nested signatures may be objects or data. */
  options: Record<string, unknown>
  immutable: boolean
  #host: CanvasHost | (() => CanvasHost)

  /** @param host the app, or what finds it when it is first asked for. */
  constructor(host: CanvasHost | (() => CanvasHost), parts: SignatureParts) {
    this.#host = host
    this.task = parts.task
    this.args = parts.args ?? []
    this.kwargs = parts.kwargs ?? {}
    this.options = { ...parts.options }
    this.immutable = parts.immutable ?? false
  }

  /** The app that it belongs to. */
  get host(): CanvasHost {
    if (typeof this.#host === 'function') this.#host = this.#host()
    return this.#host
  }

  /** Celery's word for the kind: null for a plain task, else `chain`, `group`, `chord`. */
  get subtaskType(): string | null {
    return null
  }

  /** Name of the task. */
  get name(): string {
    return this.task
  }

  /** Id of the call, once it is frozen or set. */
  get id(): string | undefined {
    return textOption(this.options, 'task_id')
  }

  get rootId(): string | undefined {
    return textOption(this.options, 'root_id')
  }

  get parentId(): string | undefined {
    return textOption(this.options, 'parent_id')
  }

  /** Sends it with these arguments in front of the bound ones. */
  delay(...args: Args): ResultPromise<R, H> {
    return this.launch(this.merge(args, undefined, NO_OPTIONS))
  }

  /** Sends it, with arguments in front of the bound ones and options over the set ones. */
  applyAsync(...call: ApplyArguments<Args>): ResultPromise<R, H> {
    return this.launch(this.#mergeCall(call))
  }

  /** Runs it here and now. */
  async apply(...call: ApplyArguments<Args>): Promise<H> {
    return trusted<H>(await this.launchEagerly(this.#mergeCall(call)))
  }

  /** Sends it like `applyAsync`, for those who know arguments and options only as data. */
  send(args: readonly unknown[], options: WireOptions = NO_OPTIONS, kwargs?: Kwargs): ResultPromise<R, H> {
    return this.launch(this.merge(args, kwargs, options))
  }

  /** Runs it like `apply`, for those who know arguments and options only as data. */
  async runEagerly(args: readonly unknown[], options: WireOptions = NO_OPTIONS, kwargs?: Kwargs): Promise<H> {
    return trusted<H>(await this.launchEagerly(this.merge(args, kwargs, options)))
  }

  /** Puts another one after this one, which gets this one's result as first argument. Python: `this | next`. */
  pipe<R2, H2 extends ResultNode>(next: Signature<[R], R2, H2>): Signature<Args, R2, H2> {
    return trusted<Signature<Args, R2, H2>>(this.host.pipe(this, requireSignature(next, 'pipe()')))
  }

  /** Sets options (`queue`, `countdown`, …), in place. */
  set(options: UserCallOptions & { readonly immutable?: boolean }): this {
    const { immutable, ...rest } = options
    if (immutable !== undefined) this.setImmutable(immutable)
    Object.assign(this.options, toWireOptions(rest))
    return this
  }

  /** Whether it ignores arguments that are put in front later. */
  setImmutable(immutable: boolean): void {
    this.immutable = immutable
  }

  /** Calls `callback` with the result when this succeeds. Adds it once, in place. */
  link(callback: Accepts<R>): this {
    this.addLink('link', requireSignature(callback, 'link()'))
    return this
  }

  /** Calls `errback` when this fails. Adds it once, in place. Celery: `link_error`, and `on_error`. */
  linkError(errback: AnySignature): this {
    this.addLink('link_error', requireSignature(errback, 'linkError()'))
    return this
  }

  /** The same as `link` and `linkError`, for those who know nothing of types. Overridden by composite signatures. */
  addLink(kind: LinkKind, signature: AnySignature): void {
    const list = listOption(this.options, kind)
    const data = signature.toJSON()
    if (list.some((item) => item === signature || isDeepStrictEqual(toData(item), data))) return
    this.options[kind] = [...list, signature]
  }

  /**
   * Stamps it, all that it is made of and all that is linked to it, in place: with these stamps, or with those that a
   * visitor gives each of them. Stamps arrive as `self.request.stamps`. Celery: `stamp`.
   */
  stamp(by: Stamps | StampingVisitor, { appendStamps = false, stamps = {} }: StampOptions = {}): this {
    if (isVisitor(by)) this.stampWith({ visitor: by, append: appendStamps }, stamps)
    else this.stampWith({ visitor: undefined, append: appendStamps }, { ...stamps, ...by })
    return this
  }

  /** The same as `stamp` with all that is known at this place of a workflow. Overridden by composite signatures. */
  stampWith(stamping: Stamping, outer: Stamps): void {
    this.stampLinks(stamping, outer)
    const visited = stamping.visitor?.onSignature(this, outer)
    Object.assign(this.options, this.stampsOf(stamping, outer, visited))
  }

  /** Stamps callbacks and errbacks alone; they don't get its own stamps. Celery: `stamp_links`. */
  stampLinks(stamping: Stamping, outer: Stamps): void {
    for (const kind of ['link', 'link_error'] as const) {
      const links = listOption(this.options, kind)
      if (links.length === 0) continue
      let stamps = outer
      this.options[kind] = links.map((data) => {
        const link = this.host.signatureFrom(data)
        const { visitor, append } = stamping
        const visited =
          kind === 'link' ? visitor?.onCallback?.(link, stamps) : visitor?.onErrback?.(link, stamps)
        stamps = mergeStamps(stamps, visitor === undefined ? undefined : (visited ?? {}), undefined, append)
        link.stampWith(stamping, stamps)
        return link
      })
    }
  }

  /** Another one like it. Arguments go in front of the bound ones, options over the set ones. */
  clone(extra: ApplyOptions & { readonly args?: readonly unknown[] } = {}): Signature<Args, R, H> {
    return new Signature<Args, R, H>(this.host, this.clonedParts(extra))
  }

  /** Another one like it with other arguments or options. */
  replace(parts: Pick<SignatureParts, 'args' | 'kwargs' | 'options'>): Signature<Args, R, H> {
    const replaced = this.clone()
    if (parts.args !== undefined) replaced.args = parts.args
    if (parts.kwargs !== undefined) replaced.kwargs = parts.kwargs
    if (parts.options !== undefined) replaced.options = { ...parts.options }
    return replaced
  }

  /**
   * Gives it its id and its place in a workflow without sending it. Once set, the id stays; so the result that this
   * answers is the one that sending it later will have.
   */
  freeze(place: FreezeOptions = {}): H {
    const { options } = this
    options['task_id'] ??= place.id ?? uuid()
    if (place.rootId !== undefined) options['root_id'] = place.rootId
    if (place.parentId !== undefined) options['parent_id'] = place.parentId
    const context = this.host.resultContextOf(this.task)
    options['reply_to'] ??= context.store.replyTo ?? this.host.oid
    if (place.groupId !== undefined && !('group_id' in options)) options['group_id'] = place.groupId
    if (place.chord !== undefined) options['chord'] = place.chord
    if (place.groupIndex !== undefined) options['group_index'] = place.groupIndex
    return trusted<H>(new AsyncResult(this.id ?? '', context))
  }

  /** How many results it brings to a chord whose header it is part of. */
  get chordSize(): number {
    return 1
  }

  /** What stands for it in a workflow: itself, but for what is a workflow of its own. */
  get element(): AnySignature {
    return this
  }

  /** What gets the results of its members: the body of a chord; undefined for others. */
  get end(): AnySignature | undefined {
    return undefined
  }

  /** The signatures it is made of; none for a plain task. */
  get members(): readonly AnySignature[] {
    return []
  }

  /** This one and all callbacks it leads to. */
  flattenLinks(): AnySignature[] {
    const links = listOption(this.options, 'link').map((link) => this.host.signatureFrom(link))
    return [this, ...links.flatMap((link) => link.flattenLinks())]
  }

  /** As plain data, all the way down: what is sent. */
  toJSON(): SignatureData {
    return {
      task: this.task,
      args: this.args,
      kwargs: this.dataOfKwargs(),
      options: dataOfOptions(this.options),
      subtask_type: this.subtaskType,
      immutable: this.immutable,
    }
  }

  /** As it would be written, `tasks.add(2, 2)`. */
  toString(): string {
    const named = Object.entries(this.kwargs).map(([name, value]) => `${name}=${repr(value)}`)
    return `${this.task}(${[...this.args.map((arg) => repr(arg)), ...named].join(', ')})`
  }

  /** Sends; arguments and options are complete. What composite signatures do differently. */
  protected launch({ args, kwargs, options }: MergedCall): ResultPromise<R, H> {
    const target = { name: this.task, task: this.host.tasks.get(this.task) }
    const sent = callTask<R>(this.host, target, args, kwargs, options)
    return trusted<ResultPromise<R, H>>(sent)
  }

  /** Runs here and now; arguments and options are complete. What composite signatures do differently. */
  protected async launchEagerly({ args, kwargs, options }: MergedCall): Promise<ResultNode> {
    const task = this.host.tasks.get(this.task)
    if (task === undefined)
      throw new NotRegistered(`Task ${this.task} is not registered here, so it cannot run`)
    return applyTask(this.host, task, args, kwargs, options)
  }

  /** Keyword arguments as plain data. */
  protected dataOfKwargs(): Kwargs {
    return this.kwargs
  }

  /** All stamps that it is to have. */
  protected stampsOf(stamping: Stamping, outer: Stamps, visited: Stamps | undefined): NamedStamps {
    const { visitor, append } = stamping
    return mergeStamps(outer, visitor === undefined ? undefined : (visited ?? {}), this.options, append)
  }

  /** Arguments in front of the bound ones, options over the set ones; nothing changes here. */
  protected merge(args: readonly unknown[], kwargs: Kwargs | undefined, given: WireOptions): MergedCall {
    const options = given === NO_OPTIONS ? this.options : mergeOptions(this.options, given)
    if (this.immutable) return { args: this.args, kwargs: this.kwargs, options, given }
    return {
      args: args.length === 0 ? this.args : this.args.length === 0 ? args : [...args, ...this.args],
      kwargs: kwargs === undefined ? this.kwargs : { ...this.kwargs, ...kwargs },
      options,
      given,
    }
  }

  /** What a copy is made of. */
  protected clonedParts(extra: ApplyOptions & { readonly args?: readonly unknown[] }): SignatureParts {
    const { args = [], kwargs, ...options } = extra
    const merged = this.merge(args, kwargs, toWireOptions(options))
    return {
      task: this.task,
      args: merged.args,
      kwargs: merged.kwargs,
      options: copyOptions(merged.options),
      immutable: this.immutable,
    }
  }

  #mergeCall(call: ApplyArguments<Args>): MergedCall {
    const { args, kwargs, options } = readCall(call)
    // As in Celery, null says nothing here: options that are set stay.
    const wire = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== null))
    return this.merge(args, kwargs, wire)
  }
}

function isVisitor(by: Stamps | StampingVisitor): by is StampingVisitor {
  return typeof by['onSignature'] === 'function'
}

/** Takes the arguments of `applyAsync` apart, whichever way it was called. */
export function readCall(call: readonly unknown[]): {
  readonly args: readonly unknown[]
  readonly kwargs: Kwargs | undefined
  readonly options: WireOptions
} {
  const [first, second] = call
  const own: unknown = Array.isArray(first) || first === undefined || first === null ? second : first
  if (own !== undefined && own !== null && !isPlainObject(own)) {
    throw new TypeError(`applyAsync() takes a list of arguments and an object of options, not ${repr(own)}`)
  }
  const { args = own === first ? undefined : first, kwargs, ...options }: Record<string, unknown> = own ?? {}
  if (args !== undefined && args !== null && !Array.isArray(args)) {
    throw new TypeError(own === first ? `args must be a list, not ${repr(args)}` : 'args must be a list')
  }
  if (kwargs !== undefined && kwargs !== null && !isPlainObject(kwargs)) {
    throw new TypeError(`kwargs must be an object, not ${repr(kwargs)}`)
  }
  return { args: args ?? [], kwargs: kwargs ?? undefined, options: toWireOptions(options) }
}

/** A list among the options; a single value counts as a list of it. Celery: `maybe_list`. */
export function listOption(options: WireOptions, key: string): readonly unknown[] {
  const value = options[key]
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

function textOption(options: WireOptions, key: string): string | undefined {
  const value = options[key]
  return typeof value === 'string' ? value : undefined
}

/** Options over others, of which those that others rely on stay as they are. */
export function mergeOptions(own: WireOptions, over: WireOptions): WireOptions {
  const merged: Record<string, unknown> = { ...own }
  const stamps = new Set(listOption(own, 'stamped_headers'))
  for (const [key, value] of Object.entries(over)) {
    const fixed = (PROTECTED.has(key) || stamps.has(key)) && Object.hasOwn(own, key)
    if (!fixed) merged[key] = value
  }
  return merged
}

/** A copy in which lists and nested signatures are copies, too, so that changing it changes nothing else. */
function copyOptions(options: WireOptions): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...options }
  for (const key in copy) {
    const value = copy[key]
    if (Array.isArray(value))
      copy[key] = value.map((item) => (item instanceof Signature ? item.clone() : item))
    else if (isPlainObject(value) && key !== 'chord') copy[key] = { ...value }
  }
  return copy
}

/** Options as plain data: nested signatures become data. */
function dataOfOptions(options: WireOptions): Kwargs {
  const data: Record<string, unknown> = {}
  for (const key in options) {
    const value = options[key]
    data[key] = Array.isArray(value) ? value.map(toData) : toData(value)
  }
  return data
}

/** A signature as data; everything else as it is. */
export function toData<T>(value: T): T | SignatureData {
  return value instanceof Signature ? value.toJSON() : value
}

/** @throws TypeError when it is no signature; `where` is the function that was given it, for the message. */
export function requireSignature(given: unknown, where: string): AnySignature {
  if (given instanceof Signature) return given
  throw new TypeError(`${where} takes signatures, such as add.s(4, 4), not ${shown(given)}`)
}

/** A task is a function; what is forgotten most often is to call its `s`. */
function shown(value: unknown): string {
  if (typeof value !== 'function') return repr(value)
  return 's' in value ? `the task ${value.name} itself: say with which arguments, by its s(…)` : 'a function'
}
