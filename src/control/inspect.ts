/** Asks workers what they do. Celery: `app.control.inspect`. */
import { Float } from '../util/float.ts'
import type { UserRequestOptions } from './broadcast-options.ts'
import type {
  CommandAnswer,
  HelloAnswer,
  QueueInfo,
  ScheduledTaskInfo,
  TaskInfo,
  WorkerStats,
} from './task-info.ts'

/** Answers by the names of the workers. Empty when nobody answered in time (Celery: `None`). */
export type ByNode<T> = Readonly<Record<string, T>>

/** What `Inspect` needs: sends a command, and gives the answers by the names of the workers. */
export interface Inquirer {
  inquire(
    command: string,
    args: Readonly<Record<string, unknown>>,
    options: UserRequestOptions,
  ): Promise<Readonly<Record<string, unknown>>>
}

/**
 * See the module's description. Answers are typed as Celery's workers give them; nobody checks it. A worker that could
 * not do it answers `{ error: '…' }` instead.
 */
export class Inspect {
  readonly #inquirer: Inquirer
  readonly #options: UserRequestOptions

  constructor(inquirer: Inquirer, options: UserRequestOptions = {}) {
    this.#inquirer = inquirer
    this.#options = options
  }

  /** Tasks that run right now. @param options `safe`: arguments as texts. */
  active(options: { readonly safe?: boolean } = {}): Promise<ByNode<readonly TaskInfo[]>> {
    return this.request('active', { safe: options.safe ?? null })
  }

  /** Tasks that wait for their time. */
  scheduled(): Promise<ByNode<readonly ScheduledTaskInfo[]>> {
    return this.request('scheduled')
  }

  /** Tasks that were fetched and neither run nor wait for their time. */
  reserved(): Promise<ByNode<readonly TaskInfo[]>> {
    return this.request('reserved')
  }

  /** Numbers about the worker, its pool and its broker. */
  stats(): Promise<ByNode<WorkerStats>> {
    return this.request('stats')
  }

  /** Ids of revoked tasks. */
  revoked(): Promise<ByNode<readonly string[]>> {
    return this.request('revoked')
  }

  /**
   * Tasks that the worker can run, each with those of its options that are set: `tasks.add [rate_limit=10/m]`.
   * @param attributes names of options in Celery's words; default `exchange`, `routing_key`, `rate_limit`.
   */
  registered(...attributes: readonly string[]): Promise<ByNode<readonly string[]>> {
    return this.request('registered', { taskinfoitems: attributes })
  }

  /** The same as `registered`. Celery: `registered_tasks`. */
  registeredTasks(...attributes: readonly string[]): Promise<ByNode<readonly string[]>> {
    return this.registered(...attributes)
  }

  /** Whether the workers answer: `{ ok: 'pong' }`. @param destination instead of that of `inspect()`. */
  ping(destination?: string | readonly string[]): Promise<ByNode<CommandAnswer>> {
    const options = destination === undefined ? this.#options : { ...this.#options, destination }
    return new Inspect(this.#inquirer, options).request('ping')
  }

  /** Queues that are consumed. Celery: `active_queues`. */
  activeQueues(): Promise<ByNode<readonly QueueInfo[]>> {
    return this.request('active_queues')
  }

  /**
   * What is known of tasks: their state (`active`, `reserved`, `ready`) and more, by their ids; tasks that the worker
   * does not have are left out. Celery: `query_task`.
   */
  queryTask(
    ids: string | readonly string[],
    ...more: readonly string[]
  ): Promise<ByNode<Readonly<Record<string, readonly [state: string, info: TaskInfo]>>>> {
    return this.request('query_task', { ids: [ids, more].flat() })
  }

  /** Settings in Celery's names, without secrets. @param options `withDefaults`: those that nobody has set, too. */
  conf(
    options: { readonly withDefaults?: boolean } = {},
  ): Promise<ByNode<Readonly<Record<string, unknown>>>> {
    return this.request('conf', { with_defaults: options.withDefaults ?? false })
  }

  /** What to tell in a report of a bug: `{ ok: text }`. */
  report(): Promise<ByNode<CommandAnswer>> {
    return this.request('report')
  }

  /** The logical clock. */
  clock(): Promise<ByNode<{ readonly clock: number }>> {
    return this.request('clock')
  }

  /**
   * What a starting worker asks.
   * @param revoked ids that it knows to be revoked, each with the time of that, in seconds on the asker's clock.
   */
  hello(fromNode: string, revoked?: Readonly<Record<string, number>>): Promise<ByNode<HelloAnswer>> {
    // Python refuses a whole number where it expects a time.
    const times = Object.entries(revoked ?? {}).map(([id, time]) => [id, new Float(time)] as const)
    return this.request('hello', {
      from_node: fromNode,
      revoked: revoked === undefined ? null : Object.fromEntries(times),
    })
  }

  /** Takes a sample of the memory in use: `47.3MB`. */
  memsample(): Promise<ByNode<string | CommandAnswer>> {
    return this.request('memsample')
  }

  /** Statistics of the samples so far. */
  memdump(samples = 10): Promise<ByNode<string | CommandAnswer>> {
    return this.request('memdump', { samples })
  }

  /** Draws the objects that are still referenced; Python workers only. */
  objgraph(
    options: { readonly type?: string; readonly n?: number; readonly maxDepth?: number } = {},
  ): Promise<ByNode<{ readonly filename: string } | CommandAnswer>> {
    const { type = 'Request', n = 200, maxDepth = 10 } = options
    return this.request('objgraph', { num: n, max_depth: maxDepth, type })
  }

  /** Any other command that only looks: one of your own, for instance. Arguments in snake case, as on the wire. */
  async request<T = unknown>(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<ByNode<T>> {
    return answersOf<T>(await this.#inquirer.inquire(command, args, this.#options))
  }
}

/** Answers from workers, typed as the command says. Nobody can check it here: the caller trusts the workers. */
function answersOf<T>(answers: Readonly<Record<string, unknown>>): ByNode<T> {
  return answers as ByNode<T>
}
