import type { AsyncResult } from '../result/async-result.ts'
import { trusted } from '../result/async-result.ts'
import type { ResultNode } from '../result/ports.ts'
import { ResultPromise } from '../result/result-promise.ts'
import type { ApplyOptions } from '../task/call-arguments.ts'
import type { WireOptions } from '../task/ports.ts'
import type {
  AnySignature,
  CanvasHost,
  FreezeOptions,
  MergedCall,
  SignatureParts,
  Stamping,
} from '../task/signature.ts'
import { listOption, Signature } from '../task/signature.ts'
import type { Stamps } from '../task/stamping.ts'
import { uuid } from '../util/uuid.ts'
import { Chord } from './chord.ts'
import { Group } from './group.ts'

/** What a chain becomes when it is sent. */
interface Steps {
  /** Signatures and results, **the last first**, as they travel. */
  readonly tasks: AnySignature[]
  readonly results: ResultNode[]
}

interface StepOptions {
  readonly args: readonly unknown[]
  readonly kwargs: Readonly<Record<string, unknown>>
  readonly place: FreezeOptions
  readonly errbacks: readonly AnySignature[]
  /** Work on copies. */
  readonly clone: boolean
}

/**
 * Calls one after the other, each with the result of the one before as first argument. Celery: `chain`.
 *
 * The first call is sent; the others travel inside its message, the last first, so that a worker takes the next off the
 * end. A group with something after it becomes a chord.
 */
export class Chain<
  Args extends readonly unknown[] = never,
  R = unknown,
  H extends ResultNode = AsyncResult<R>,
> extends Signature<Args, R, H> {
  tasks: readonly AnySignature[]

  constructor(host: CanvasHost, tasks: readonly AnySignature[], parts: Omit<SignatureParts, 'task'> = {}) {
    super(host, { ...parts, task: 'celery.chain' })
    this.tasks = tasks
  }

  override get subtaskType(): string {
    return 'chain'
  }

  override get members(): readonly AnySignature[] {
    return this.tasks
  }

  /**
   * That of its last element that brings any. What is a group with something after it becomes a chord, whose header
   * counts for itself: it brings nothing here, whatever comes after it.
   */
  override get chordSize(): number {
    const steps = [...this.tasks]
    let isLast = true
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const task = step instanceof Group ? unrolled(step) : step
      if (task instanceof Chain) {
        for (const inner of task.tasks) steps.push(inner)
        continue
      }
      const { chordSize } = task
      if (chordSize > 0 && (isLast || headerOf(task) === undefined)) return chordSize
      if (chordSize > 0 || !(task instanceof Group)) isLast = false
    }
    return 0
  }

  override clone(extra: ApplyOptions & { readonly args?: readonly unknown[] } = {}): Chain<Args, R, H> {
    const tasks = this.tasks.map((task) => task.clone())
    return new Chain<Args, R, H>(this.host, tasks, this.clonedParts(extra))
  }

  /**
   * Copies of its elements that can stand in another chain: its callbacks are on the last of them, its errbacks on
   * each.
   */
  unchained(): AnySignature[] {
    const tasks = this.tasks.map((task) => task.clone())
    for (const callback of listOption(this.options, 'link')) {
      tasks.at(-1)?.addLink('link', this.host.signatureFrom(callback))
    }
    for (const errback of listOption(this.options, 'link_error')) {
      for (const task of tasks) task.addLink('link_error', this.host.signatureFrom(errback))
    }
    return tasks
  }

  override stampWith(stamping: Stamping, outer: Stamps): void {
    const { visitor } = stamping
    const stamps = this.stampsOf(stamping, outer, visitor?.onChainStart?.(this, outer))
    this.stampLinks(stamping, stamps)
    for (const task of this.tasks) task.stampWith(stamping, stamps)
    visitor?.onChainEnd?.(this, stamps)
  }

  override freeze(place: FreezeOptions = {}): H {
    const { results } = this.#prepareSteps({
      args: this.args,
      kwargs: this.kwargs,
      place,
      errbacks: [],
      clone: false,
    })
    this.options['task_id'] = place.id ?? null
    const [last] = results
    if (last === undefined) throw new TypeError('An empty chain has no result')
    return trusted<H>(last)
  }

  protected override launch(call: MergedCall): ResultPromise<R, H> {
    if (this.host.settings.taskAlwaysEager) {
      const id = textOf(call.options['task_id']) ?? uuid()
      return trusted<ResultPromise<R, H>>(new ResultPromise(id, this.launchEagerly(call)))
    }
    const steps = this.#stepsOf(call)
    const [last] = steps.results
    if (last === undefined) {
      return new ResultPromise<R, H>(uuid(), Promise.reject(new TypeError('An empty chain cannot be sent')))
    }
    return trusted<ResultPromise<R, H>>(new ResultPromise(last.id, this.#send(call, steps, last)))
  }

  protected override async launchEagerly(call: MergedCall): Promise<ResultNode> {
    const { task_id: _, ...options } = call.options
    let last: ResultNode | undefined
    for (const task of this.tasks) {
      const args = last === undefined ? call.args : [await last.get({ disableSyncSubtasks: false })]
      const result = await task
        .clone()
        .runEagerly(args, options, last === undefined ? call.kwargs : undefined)
      result.parent = last
      last = result
    }
    if (last === undefined) throw new TypeError('An empty chain has no result')
    return last
  }

  protected override dataOfKwargs(): Readonly<Record<string, unknown>> {
    return { tasks: this.tasks.map((task) => task.toJSON()) }
  }

  /** Celery: `chain.run`. */
  #stepsOf({ args, kwargs, options }: MergedCall): Steps {
    const { group_index: groupIndex, chord } = options
    const steps = this.#prepareSteps({
      args,
      kwargs,
      place: {
        id: textOf(options['task_id']),
        groupId: textOf(options['group_id']),
        groupIndex: typeof groupIndex === 'number' ? groupIndex : undefined,
        chord: chord === undefined || chord === null ? undefined : this.host.signatureFrom(chord),
        rootId: textOf(options['root_id']),
      },
      errbacks: listOption(options, 'link_error').map((errback) => this.host.signatureFrom(errback)),
      clone: true,
    })
    for (const callback of listOption(options, 'link')) {
      steps.tasks[0]?.addLink('link', this.host.signatureFrom(callback))
    }
    return steps
  }

  /** Sends the first with all the others. The other options of the call are for the first alone. */
  async #send(call: MergedCall, { tasks }: Steps, last: ResultNode): Promise<ResultNode> {
    const { link: _link, link_error: _error, task_id: _id, group_id: _group, ...more } = call.options
    const { group_index: _index, chord: _chord, root_id: _root, parent_id: _parent, ...options } = more
    const first = tasks.pop()
    const sent = await first?.send([], { ...options, ...this.#remaining(options, tasks) })
    // A lone element's own result may be more than what freezing could know.
    return tasks.length === 0 && sent !== undefined ? sent : last
  }

  /** What follows travels in the option `chain`; in protocol 1 it is linked instead. */
  #remaining(options: WireOptions, tasks: readonly AnySignature[]): WireOptions {
    if (this.#usesLinks) return {}
    return { chain: [...listOption(options, 'chain'), ...tasks] }
  }

  get #usesLinks(): boolean {
    return this.host.settings.taskProtocol === 1
  }

  /** Unrolls and freezes the elements from the last to the first. Celery: `prepare_steps`. */
  #prepareSteps({ args, kwargs, place, errbacks, clone }: StepOptions): Steps {
    const steps = [...this.tasks]
    const tasks: AnySignature[] = []
    const results: ResultNode[] = []
    let next: { readonly task: AnySignature; readonly first: ResultNode } | undefined
    let isLast = true
    // A chord counts on the last element that brings a result.
    let isCounted = false
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      let task = step instanceof Group ? unrolled(step) : step
      const isFirst = steps.length === 0
      if (isLast && !isFirst && task instanceof Group && task.chordSize === 0) continue
      if (clone) task = isFirst ? task.clone({ args, kwargs }) : task.clone()
      else if (isFirst && args.length > 0) task.args = [...args, ...task.args]
      if (task instanceof Chain) {
        for (const inner of task.tasks) steps.push(inner)
        continue
      }
      const header = next === undefined ? undefined : headerOf(task)
      if (header !== undefined && next !== undefined) {
        tasks.pop()
        const after = results.pop()
        task = upgraded(header, bodyAfter(task, next.task), after, place.rootId)
        const before = tasks.at(-1)
        const beforeResult = results.at(-1)
        next =
          before === undefined || beforeResult === undefined
            ? undefined
            : { task: before, first: beforeResult }
      }
      const { rootId } = place
      const id = isLast ? place.id : undefined
      const counts: boolean = !isCounted && (isFirst || task.chordSize > 0)
      const result = counts ? task.freeze({ ...place, id, parentId: undefined }) : task.freeze({ id, rootId })
      isLast = false
      isCounted ||= counts
      if (next !== undefined) {
        // Not when it is only frozen: it will be linked when it is sent, and would then run twice.
        if (clone && this.#usesLinks) task.addLink('link', next.task)
        next.first.parent ??= result
      }
      for (const errback of errbacks) task.addLink('link_error', errback)
      tasks.push(task)
      results.push(result)
      next = { task, first: task instanceof Chord ? root(result) : result }
    }
    return { tasks, results }
  }
}

/** A group of one is that one. */
export function unrolled(group: Group): AnySignature {
  const [only, ...more] = group.tasks
  return only !== undefined && more.length === 0 ? only : group
}

/** What becomes the header of a chord when something comes after it: a group, also that of a chord that ends in one. */
function headerOf(task: AnySignature): Group | undefined {
  if (task instanceof Group) return task
  return endsInGroup(task) ? new Group(task.host, task.members) : undefined
}

/** A chord whose body is a group, another such chord, or a chain that ends in one of these. */
function endsInGroup(task: AnySignature): boolean {
  if (!(task instanceof Chord)) return false
  let end: AnySignature | undefined = task.body
  while (end instanceof Chain) end = end.tasks.at(-1)
  return end instanceof Group || (end !== undefined && endsInGroup(end))
}

/**
 * The body for the header of `task`: what comes after it, once. A chord that ends in a group goes on in between, unless
 * that group is empty, as it is where a chord has no body.
 */
function bodyAfter(task: AnySignature, next: AnySignature): AnySignature {
  if (!(task instanceof Chord)) return next
  const { host, body } = task
  if (body instanceof Chain) return new Chain(host, [body, next])
  if (body instanceof Group) return body.chordSize === 0 ? next : new Chord(host, body, next)
  return new Chord(host, body.members, bodyAfter(body, next))
}

/** A group with something after it. */
function upgraded(
  header: Group,
  body: AnySignature,
  bodyResult: ResultNode | undefined,
  rootId: string | undefined,
): Chord {
  const id = bodyResult?.leaves().length === 1 ? bodyResult.id : undefined
  return new Chord(header.host, header, body, {
    options: { ...(id === undefined ? {} : { task_id: id }), root_id: rootId ?? null },
  })
}

/** The first in the chain that ends with a result. */
function root(result: ResultNode): ResultNode {
  let node = result
  while (node.parent !== undefined) node = node.parent
  return node
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
