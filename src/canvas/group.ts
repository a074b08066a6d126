import { GroupResult } from '../result/group-result.ts'
import type { ResultNode } from '../result/ports.ts'
import { ResultPromise } from '../result/result-promise.ts'
import type { ApplyOptions } from '../task/call-arguments.ts'
import { currentHost } from '../task/current-host.ts'
import { currentWorkerTask } from '../task/current-task.ts'
import type { WireOptions } from '../task/ports.ts'
import type {
  AnySignature,
  ArgsOf,
  CanvasHost,
  FreezeOptions,
  LinkKind,
  MergedCall,
  ResultOf,
  Stamping,
} from '../task/signature.ts'
import { Signature } from '../task/signature.ts'
import type { Stamps } from '../task/stamping.ts'
import { isIterable } from '../util/is-record.ts'
import { uuid } from '../util/uuid.ts'
import { membersOf } from './members.ts'

/** The values of several signatures, in order. */
export type ResultsOf<Members extends readonly unknown[]> = number extends Members['length']
  ? ResultOf<Members[number]>[]
  : { -readonly [Index in keyof Members]: ResultOf<Members[Index]> }

/** A frozen group: its id and the results that its members will have. */
export interface FrozenGroup {
  readonly id: string
  readonly results: readonly ResultNode[]
}

/**
 * Calls that run at the same time, each with the same arguments in front. Celery: `group`.
 *
 * Groups inside of it count as their members. Freezing turns the members of an inner group round, as Celery does, so
 * that results have the places that a Python worker expects.
 */
export class Group<
  Args extends readonly unknown[] = never,
  T extends readonly unknown[] = unknown[],
> extends Signature<Args, T, GroupResult<T>> {
  /** What is not looked at before the members are needed. */
  #source: Iterable<AnySignature>
  #tasks: readonly AnySignature[] | undefined

  /** @param tasks the members; what makes them one by one is not asked for the first before they are needed. */
  constructor(
    host: CanvasHost | (() => CanvasHost),
    tasks: Iterable<AnySignature>,
    options: WireOptions = {},
  ) {
    super(host, { task: 'celery.group', options })
    this.#source = tasks
  }

  get tasks(): readonly AnySignature[] {
    this.#tasks ??= Array.isArray(this.#source) ? this.#source : flattened([this.#source])
    return this.#tasks
  }

  set tasks(tasks: readonly AnySignature[]) {
    this.#tasks = tasks
  }

  override get subtaskType(): string {
    return 'group'
  }

  override get members(): readonly AnySignature[] {
    return this.tasks
  }

  override get chordSize(): number {
    return this.tasks.reduce((sum, task) => sum + task.chordSize, 0)
  }

  override clone(extra: ApplyOptions & { readonly args?: readonly unknown[] } = {}): Group<Args, T> {
    const parts = this.clonedParts(extra)
    const tasks = this.tasks.map((task) => task.clone())
    const clone = new Group<Args, T>(this.host, tasks, parts.options)
    clone.args = parts.args ?? []
    clone.kwargs = parts.kwargs ?? {}
    return clone
  }

  /** Forwarded to the members. */
  override setImmutable(immutable: boolean): void {
    for (const task of this.tasks) task.setImmutable(immutable)
  }

  /**
   * A callback goes to the **first** member only, and gets no result, because no member knows those of the others
   * (use a chord); an errback goes to every member.
   */
  override addLink(kind: LinkKind, signature: AnySignature): void {
    if (kind === 'link') {
      const callback = signature.clone()
      callback.immutable = true
      this.tasks[0]?.addLink(kind, callback)
    } else {
      for (const task of this.tasks) task.addLink(kind, signature.clone())
    }
  }

  /** Gives the members growing countdowns: `start`, `start + step`, … up to `stop` seconds. */
  skew(options: { readonly start?: number; readonly stop?: number; readonly step?: number } = {}): this {
    const { start = 1, stop = Number.POSITIVE_INFINITY, step = 1 } = options
    let countdown = start
    for (const task of this.tasks) {
      task.set({ countdown })
      if (countdown + step <= stop) countdown += step
    }
    return this
  }

  override stampWith(stamping: Stamping, outer: Stamps): void {
    const { visitor } = stamping
    const stamps = this.stampsOf(stamping, outer, visitor?.onGroupStart?.(this, outer))
    this.stampLinks(stamping, stamps)
    if (this.#tasks === undefined) this.#source = stamped(this.#source, stamping, stamps)
    else for (const task of this.#tasks) task.stampWith(stamping, stamps)
    visitor?.onGroupEnd?.(this, stamps)
  }

  override freeze(place: FreezeOptions = {}): GroupResult<T> {
    const { id, results } = this.freezeMembers(place)
    return new GroupResult<T>(id, results, this.host.resultContext)
  }

  /** Freezes the members, nested groups unrolled. Celery: `_freeze_group_tasks`. */
  freezeMembers(place: FreezeOptions): FrozenGroup {
    const { options } = this
    options['task_id'] ??= place.groupId ?? uuid()
    if (place.groupId !== undefined) options['group_id'] = place.groupId
    if (place.chord !== undefined) options['chord'] = place.chord
    if (place.groupIndex !== undefined) options['group_index'] = place.groupIndex
    if (!('root_id' in options)) options['root_id'] = place.rootId ?? null
    if (!('parent_id' in options)) options['parent_id'] = place.parentId ?? null
    const { groupId, chord } = place
    const { rootId, parentId } = this
    const tasks: AnySignature[] = []
    const results: ResultNode[] = []
    const stack = this.tasks.toReversed()
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const task = next.clone()
      if (task instanceof Group) {
        // One by one to the front: that is what turns them round.
        for (const member of task.tasks) stack.push(member)
      } else {
        results.push(task.freeze({ groupId, chord, rootId, parentId, groupIndex: tasks.length }))
        tasks.push(task)
      }
    }
    this.tasks = tasks
    return { id: this.id ?? '', results }
  }

  protected override launch(call: MergedCall): ResultPromise<T, GroupResult<T>> {
    const id = groupIdOf(call.options)
    return new ResultPromise(id, this.#launch(call, id))
  }

  protected override async launchEagerly(call: MergedCall): Promise<GroupResult<T>> {
    if (this.tasks.length === 0) return this.freeze()
    const groupId = groupIdOf(call.options)
    const options = memberOptions(call.options, groupId)
    const results: ResultNode[] = []
    for (const { task } of prepare(this.tasks, groupId, rootIdOf(options))) {
      results.push(await task.runEagerly(call.args, options, call.kwargs))
    }
    return new GroupResult<T>(groupId, results, this.host.resultContext)
  }

  protected override dataOfKwargs(): Readonly<Record<string, unknown>> {
    return { tasks: this.tasks.map((task) => task.toJSON()) }
  }

  async #launch(call: MergedCall, groupId: string): Promise<GroupResult<T>> {
    if (this.host.settings.taskAlwaysEager) return this.launchEagerly(call)
    if (this.tasks.length === 0) return this.freeze()
    refuseLinks(call.options)
    const { chord, add_to_parent: addToParent, ...options } = memberOptions(call.options, groupId)
    const prepared = prepare(this.tasks, groupId, rootIdOf(options))
    await Promise.all(
      prepared.map(({ task }) => {
        const own = chord ?? task.options['chord'] ?? undefined
        const all = { ...options, add_to_parent: false, ...(own === undefined ? {} : { chord: own }) }
        return task.send(call.args, all, call.kwargs)
      }),
    )
    const results = prepared.map(({ result }) => result)
    const result = unwrapped(new GroupResult<T>(groupId, results, this.host.resultContext))
    const parent = currentWorkerTask()
    if (addToParent !== false && parent?.task.options.trail === true) parent.request.children.push(result)
    return result
  }
}

interface Prepared {
  readonly task: AnySignature
  readonly result: ResultNode
}

/** The members as they are sent: copies with ids, members of inner groups in their place. */
function prepare(tasks: readonly AnySignature[], groupId: string, rootId: string | undefined): Prepared[] {
  return tasks.flatMap((member, groupIndex) => {
    const task = member.clone()
    if (task instanceof Group) return prepare(task.tasks, groupId, rootId)
    return [{ task, result: task.freeze({ groupId, rootId, groupIndex }) }]
  })
}

/** The id of a group is that of the call, which would otherwise be the id of each member. */
function groupIdOf(options: WireOptions): string {
  const id = options['task_id']
  return typeof id === 'string' ? id : uuid()
}

/** Options that each member gets. As in Celery, null says nothing here. */
function memberOptions(options: WireOptions, groupId: string): Readonly<Record<string, unknown>> {
  const { task_id: _id, group_index: _index, ...rest } = options
  const given = Object.entries(rest).filter(([, value]) => value !== null)
  return { ...Object.fromEntries(given), group_id: groupId }
}

function rootIdOf(options: WireOptions): string | undefined {
  const id = options['root_id']
  return typeof id === 'string' ? id : undefined
}

function refuseLinks(options: WireOptions): void {
  if (options['link'] !== undefined && options['link'] !== null) {
    throw new TypeError('Cannot add link to group: use a chord')
  }
  if (options['link_error'] !== undefined && options['link_error'] !== null) {
    throw new TypeError('Cannot add link to group: do that on individual tasks')
  }
}

/** A group of one chain that ends in a group has that group's results. */
function unwrapped<T extends readonly unknown[]>(result: GroupResult<T>): GroupResult<T> {
  const [only, ...more] = result.results
  return only instanceof GroupResult && more.length === 0 ? only : result
}

type GroupOf<Members extends readonly AnySignature[]> = Group<ArgsOf<Members[number]>, ResultsOf<Members>>

/** Calls that run at the same time: `group(add.s(1, 1), add.s(2, 2))`, or a list of them. Celery: `group`. */
export function group<const Members extends readonly AnySignature[]>(...tasks: Members): GroupOf<Members>
export function group<Member extends AnySignature>(tasks: Iterable<Member>): GroupOf<Member[]>
export function group(...tasks: readonly (AnySignature | Iterable<AnySignature>)[]): Group {
  const [only, ...more] = tasks
  const isList = only instanceof Signature || Array.isArray(only) || more.length > 0 || !isIterable(only)
  const made: Group = new Group(() => made.tasks[0]?.host ?? currentHost(), isList ? flattened(tasks) : only)
  return made
}

/** Stamps members when they are made. */
function* stamped(tasks: Iterable<AnySignature>, stamping: Stamping, stamps: Stamps): Iterable<AnySignature> {
  for (const task of tasks) {
    task.stampWith(stamping, stamps)
    yield task
  }
}

/** The signatures of an argument list that may be one list. A group stands for its members if it is all there is. */
function flattened(tasks: readonly (AnySignature | Iterable<AnySignature>)[]): AnySignature[] {
  const [only, ...more] = tasks
  if (more.length === 0 && only instanceof Group) return [...only.tasks]
  return membersOf(tasks, 'group()').map((task) => task.element)
}
