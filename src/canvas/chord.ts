import type { ResultStore } from '../backends/result-store.ts'
import { BackendError, ImproperlyConfigured } from '../errors.ts'
import type { AsyncResult } from '../result/async-result.ts'
import { trusted } from '../result/async-result.ts'
import { GroupResult } from '../result/group-result.ts'
import type { ResultNode } from '../result/ports.ts'
import { ResultPromise } from '../result/result-promise.ts'
import type { ApplyOptions } from '../task/call-arguments.ts'
import { callTask } from '../task/call-task.ts'
import type { WireOptions } from '../task/ports.ts'
import type {
  AnySignature,
  ArgsOf,
  CanvasHost,
  FreezeOptions,
  HandleOf,
  LinkKind,
  MergedCall,
  ResultOf,
  SignatureParts,
  Stamping,
  StampingVisitor,
} from '../task/signature.ts'
import { mergeOptions, requireSignature, Signature } from '../task/signature.ts'
import type { Stamps } from '../task/stamping.ts'
import { uuid } from '../util/uuid.ts'
import type { FrozenGroup, ResultsOf } from './group.ts'
import { Group, group } from './group.ts'

/** A chord that is about to be sent. */
interface StartedChord {
  readonly header: Group
  readonly frozen: FrozenGroup
  readonly body: AnySignature
  readonly bodyResult: ResultNode
  readonly headerOptions: WireOptions
  /** For `celery.chord_unlock`. */
  readonly watchOptions: WireOptions
}

/** Seconds after which `celery.chord_unlock` looks for the first time. */
const FIRST_LOOK = 1

/**
 * A group, and a body that gets the list of its results when all have succeeded. Celery: `chord`.
 *
 * The members of the header carry the body with them; whoever finishes last sends it. Backends that cannot count leave
 * that to the task `celery.chord_unlock`, which looks again and again.
 */
export class Chord<
  Args extends readonly unknown[] = never,
  R = unknown,
  H extends ResultNode = AsyncResult<R>,
> extends Signature<Args, R, H> {
  body: AnySignature
  #header: Group | readonly AnySignature[] | undefined
  readonly #source: Group<never, readonly unknown[]> | undefined

  constructor(
    host: CanvasHost | (() => CanvasHost),
    header: Group<never, readonly unknown[]> | readonly AnySignature[],
    body: AnySignature,
    parts: Omit<SignatureParts, 'task'> = {},
  ) {
    super(host, { ...parts, task: 'celery.chord' })
    // The members of a group may not have been made yet.
    if (header instanceof Group) this.#source = header
    else this.#header = header
    this.body = body
  }

  /** The members of the header; a group once it is frozen. */
  get header(): Group | readonly AnySignature[] {
    this.#header ??= this.#source?.tasks ?? []
    return this.#header
  }

  set header(header: Group | readonly AnySignature[]) {
    this.#header = header
  }

  override get subtaskType(): string {
    return 'chord'
  }

  override get members(): readonly AnySignature[] {
    return this.header instanceof Group ? this.header.tasks : this.header
  }

  override get end(): AnySignature {
    return this.body
  }

  override get chordSize(): number {
    return this.body.chordSize
  }

  override clone(extra: ApplyOptions & { readonly args?: readonly unknown[] } = {}): Chord<Args, R, H> {
    const header = this.members.map((task) => task.clone())
    return new Chord<Args, R, H>(this.host, header, this.body.clone(), this.clonedParts(extra))
  }

  /** Forwarded to the header; the body stays as it is. */
  override setImmutable(immutable: boolean): void {
    for (const task of this.members) task.setImmutable(immutable)
  }

  /**
   * Goes to the body. An errback goes to chords in the header, too, and to all of the header with the setting
   * `taskAllowErrorCbOnChordHeader`.
   */
  override addLink(kind: LinkKind, signature: AnySignature): void {
    if (kind === 'link_error') {
      const { taskAllowErrorCbOnChordHeader: toAll } = this.host.settings
      for (const task of this.members) {
        if (toAll || task instanceof Chord) task.addLink(kind, signature.clone())
      }
    }
    this.body.addLink(kind, signature)
  }

  /** Without a visitor the body gets no stamps, as in Celery. */
  override stampWith(stamping: Stamping, outer: Stamps): void {
    const { visitor } = stamping
    const visited = visitor === undefined ? undefined : this.#visitHeader(visitor, outer)
    const stamps = this.stampsOf(stamping, outer, visited)
    this.stampLinks(stamping, stamps)
    for (const task of this.members) task.stampWith(stamping, stamps)
    if (visitor === undefined) return
    if (visitor.onChordHeaderEnd !== undefined) visitor.onChordHeaderEnd(this, stamps)
    else visitor.onGroupEnd?.(this.#headerGroup, stamps)
    this.body.stampWith(stamping, this.stampsOf(stamping, stamps, visitor.onChordBody?.(this, stamps)))
  }

  override freeze(place: FreezeOptions = {}): H {
    const header = this.#headerGroup
    this.header = header
    // Members learn of the body when they are sent. To have it here, too, would make data of chords in the bodies of
    // chords grow by a power of their depth.
    const headerResult = header.freeze({ parentId: place.parentId, rootId: place.rootId })
    this.options['task_id'] = headerResult.id
    const { id, rootId, chord, groupId, groupIndex } = place
    const bodyResult = this.body.freeze({ id, rootId, chord, groupId, groupIndex })
    hangBelow(bodyResult, headerResult)
    return trusted<H>(bodyResult)
  }

  protected override launch(call: MergedCall): ResultPromise<R, H> {
    if (this.host.settings.taskAlwaysEager) {
      const eager = new ResultPromise(this.body.id ?? uuid(), this.launchEagerly(call))
      return trusted<ResultPromise<R, H>>(eager)
    }
    const started = this.#start(call)
    const sent = new ResultPromise(started.bodyResult.id, this.#send(call, started))
    return trusted<ResultPromise<R, H>>(sent)
  }

  protected override async launchEagerly(call: MergedCall): Promise<ResultNode> {
    const header = new Group(
      this.host,
      this.members.map((task) => task.clone()),
    )
    const results = await header.runEagerly(call.args, {}, call.kwargs)
    const value = await results.get({ disableSyncSubtasks: false })
    const { chain: _, ...given } = call.given
    return this.body.clone().runEagerly([value], given)
  }

  protected override dataOfKwargs(): Readonly<Record<string, unknown>> {
    const { header } = this
    return {
      kwargs: this.kwargs,
      header: header instanceof Group ? header.toJSON() : header.map((task) => task.toJSON()),
      body: this.body.toJSON(),
    }
  }

  /** Copies of header and body with their ids. Celery: the first half of `chord.run`. */
  #start(call: MergedCall): StartedChord {
    const { interval, countdown: _, max_retries: maxRetries, ...options } = withoutId(call.options)
    const body = this.body.clone()
    body.options = { ...mergeOptions(body.options, { ...withoutId(call.given), ...options }) }
    const header = this.#preparedHeader()
    const groupId = header.id ?? uuid()
    const { rootId } = body
    const given = call.given['task_id']
    const id = typeof given === 'string' ? given : (this.id ?? uuid())
    // A body that is itself part of a header counts there, and so must what it ends in.
    const ownGroup = body.options['group_id']
    const bodyGroup = typeof ownGroup === 'string' ? ownGroup : groupId
    const bodyResult = body.freeze({ id, groupId: bodyGroup, rootId })
    const frozen = header.freezeMembers({ groupId, chord: body, rootId })
    const { chain: _chain, chord: _chord, ...headerOptions } = options
    return {
      header,
      frozen,
      body,
      bodyResult,
      headerOptions: { ...headerOptions, task_id: groupId },
      watchOptions: { interval, max_retries: maxRetries },
    }
  }

  /** Celery: the second half of `chord.run`. */
  async #send(call: MergedCall, started: StartedChord): Promise<ResultNode> {
    const { header, frozen, body, bodyResult } = started
    const store = this.#storeOfHeader(frozen.results)
    await assertSupported(store)
    let headerResult: ResultNode = new GroupResult(frozen.id, frozen.results, this.host.resultContext)
    if (header.chordSize === 0) {
      // Nothing that counts: what is there runs all the same.
      if (header.tasks.length > 0) await header.send(call.args, started.headerOptions, call.kwargs)
      await body.send([[]])
    } else {
      await this.#watchHeader(store, started)
      headerResult = await header.send(call.args, started.headerOptions, call.kwargs)
    }
    bodyResult.parent = headerResult
    return bodyResult
  }

  #visitHeader(visitor: StampingVisitor, outer: Stamps): Stamps | undefined {
    if (visitor.onChordHeaderStart !== undefined) return visitor.onChordHeaderStart(this, outer)
    return visitor.onGroupStart?.(this.#headerGroup, outer)
  }

  get #headerGroup(): Group {
    return this.header instanceof Group ? this.header : new Group(this.host, this.header)
  }

  /** @throws ImproperlyConfigured for members whose results nobody would ever find, so that the body would never run. */
  #assertStored(members: readonly AnySignature[]): void {
    for (const member of members) {
      const last = member.subtaskType === 'chain' ? member.members.at(-1) : member
      if (last === undefined || last.members.length > 0) continue
      const { ignore_result: ignored = this.host.tasks.get(last.task)?.options.ignoreResult } = last.options
      if (ignored !== true) continue
      throw new ImproperlyConfigured(
        `Task ${last.task} ignores its result, but the chord that it is part of needs it: this result backend looks ` +
          'for the results. Set ignoreResult to false for the task or the call',
      )
    }
  }

  #preparedHeader(): Group {
    if (this.header instanceof Group) return this.header.clone()
    return new Group(this.host, this.header, { task_id: this.id ?? uuid() })
  }

  /**
   * Where the header is counted: where its results are, which may be a backend of its tasks' own.
   * @throws ImproperlyConfigured when they are in several, so that nobody could count them.
   */
  #storeOfHeader(results: readonly ResultNode[]): ResultStore {
    const stores = new Set(results.flatMap((result) => result.leaves().map(({ backend }) => backend)))
    if (stores.size > 1) {
      throw new ImproperlyConfigured(
        'The tasks in the header of a chord have different result backends (their option `backend`), so nobody can ' +
          'tell when all are done: give them the same',
      )
    }
    const [store = this.host.results] = stores
    return store
  }

  /** Makes sure that somebody sends the body in the end. Celery: `apply_chord`. */
  async #watchHeader(
    store: ResultStore,
    { header, frozen: { id, results }, body, watchOptions: options }: StartedChord,
  ): Promise<void> {
    const chords = await store.chords()
    if (chords !== undefined) {
      // Whoever collects the values must know which belong together.
      const nested = results.some((result) => result instanceof GroupResult)
      if (nested || chords.begin !== undefined) {
        await store.saveGroup(id, new GroupResult(id, results, this.host.resultContext).asTuple())
      }
      const { expires } = store
      await chords.begin?.(id, { expires })
      // Here alone, and for all of the header: groups in it that are sent later bear its id, but are only a part of it.
      await chords.setSize(id, header.chordSize, { expires })
      return
    }
    if (store !== this.host.results) {
      throw new BackendError(
        'The result backend that the tasks of the chord have for themselves cannot count, and celery.chord_unlock looks ' +
          'for results in that of the app alone. Use redis://, sqlite:// or another one that counts',
      )
    }
    this.#assertStored(this.members)
    const task = this.host.tasks.get('celery.chord_unlock')
    const { queue, priority } = body.options
    await callTask(
      this.host,
      { name: 'celery.chord_unlock', task },
      [id, body.toJSON()],
      { ...options, result: results.map((result) => result.asTuple()) },
      {
        countdown: FIRST_LOOK,
        add_to_parent: false,
        ...(queue === undefined ? { route_name: body.task } : { queue }),
        ...(priority === undefined ? {} : { priority }),
      },
    )
  }
}

function withoutId(options: WireOptions): Readonly<Record<string, unknown>> {
  const { task_id: _, ...rest } = options
  return rest
}

/** Makes `header` the parent of the first in the chain that ends with `result`. */
function hangBelow(result: ResultNode, header: ResultNode): void {
  const seen = new Set<ResultNode>()
  let node = result
  while (node.parent !== undefined && node.parent !== header && !seen.has(node)) {
    seen.add(node)
    node = node.parent
  }
  if (node !== header && !seen.has(node)) node.parent = header
}

type Header = readonly AnySignature[]

/** Takes the body of a chord and sends it. Whether the body fits is not checked here. */
export type SendChord = <Body extends AnySignature>(
  body: Body,
) => ResultPromise<ResultOf<Body>, HandleOf<Body>>

/** Only signatures of which nothing is known, such as those made of data. */
type Untyped<S> = [ArgsOf<S>] extends [never] ? unknown : never

/**
 * A group and a body for the list of its results: `chord([add.s(1, 1), add.s(2, 2)], xsum.s())`. Without the body it
 * gives a function that takes it and sends the chord. Celery: `chord`.
 */
export function chord<const Members extends Header, R, H extends ResultNode>(
  header: readonly [...Members],
  body: Signature<[ResultsOf<Members>], R, H>,
): Chord<ArgsOf<Members[number]>, R, H>
export function chord<Args extends readonly unknown[], T extends readonly unknown[], R, H extends ResultNode>(
  header: Group<Args, T>,
  body: Signature<[T], R, H>,
): Chord<Args, R, H>
export function chord<Member extends AnySignature, R, H extends ResultNode>(
  header: Iterable<Member> & { readonly length?: never },
  body: Signature<[ResultOf<Member>[]], R, H>,
): Chord<ArgsOf<Member>, R, H>
export function chord(header: Iterable<AnySignature> | Group<never, readonly unknown[]>): SendChord
export function chord<Body extends AnySignature>(
  header: Iterable<AnySignature> | Group<never, readonly unknown[]>,
  body: Body & Untyped<Body>,
): Chord<readonly unknown[], ResultOf<Body>, HandleOf<Body>>
export function chord(
  header: Iterable<AnySignature> | Group<never, readonly unknown[]>,
  body?: AnySignature,
): unknown {
  const members: Group<never, readonly unknown[]> = header instanceof Group ? header : group(header)
  const make = (end: AnySignature): Chord =>
    new Chord(() => members.tasks[0]?.host ?? end.host, members, requireSignature(end, 'chord()').element)
  return body === undefined ? (end: AnySignature) => make(end).send([]) : make(body)
}

/** @throws BackendNotConfigured, or BackendError for backends that keep results for one reader only. */
async function assertSupported(store: ResultStore): Promise<void> {
  const { features } = await store.backend()
  if (features.persistent) return
  throw new BackendError(
    'This result backend does not support chords (nor a group followed by a task): results can be read once ' +
      'only. Use redis://, sqlite:// or another one that stores them',
  )
}
