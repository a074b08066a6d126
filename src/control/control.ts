/** Commands to workers that run. Celery: `app.control`. */
import type { Duration } from '../util/duration.ts'
import { fromMilliseconds, toMilliseconds } from '../util/duration.ts'
import type { UserCommandOptions, UserRequestOptions } from './broadcast-options.ts'
import { normalizeRequestOptions } from './broadcast-options.ts'
import { flattenReplies } from './flatten-replies.ts'
import type { Inquirer } from './inspect.ts'
import { Inspect } from './inspect.ts'
import type { ControlContext } from './ports.ts'
import type { NodeReply } from './reply-collector.ts'
import { Requester } from './requester.ts'
import type { CommandAnswer } from './task-info.ts'

type Arguments = Readonly<Record<string, unknown>>

/** What the commands give: the replies in the order they came; none unless `reply` is set. */
export type Answers = Promise<readonly NodeReply<CommandAnswer>[]>

/** How to revoke. */
export interface RevokeOptions extends UserCommandOptions {
  /** End the task if it runs. Default false. */
  readonly terminate?: boolean | undefined
  /** With which signal. Default `SIGTERM`; null: the worker's own choice. */
  readonly signal?: string | null | undefined
}

/** The queue to consume from. */
export interface AddConsumerOptions extends UserCommandOptions {
  /** Default: the name of the queue. */
  readonly exchange?: string | undefined
  /** Default `direct`. */
  readonly exchangeType?: string | undefined
  /** Default: the name of the queue. */
  readonly routingKey?: string | undefined
  /** Further options of the queue in kombu's words, e.g. `{ max_priority: 5 }`. */
  readonly options?: Arguments | undefined
}

/** Time limits of a task; what is left out is lifted. */
export interface TimeLimitOptions extends UserCommandOptions {
  /** Seconds. */
  readonly soft?: Duration | null | undefined
  /** Seconds. */
  readonly hard?: Duration | null | undefined
}

/**
 * See the module's description. Each command goes to all workers unless `destination` or `pattern` says otherwise, and
 * settles when the broker has it; with `reply: true` when the replies are there, see `UserRequestOptions`.
 *
 * All reject with OperationalError when the broker cannot be reached, and with TypeError or RangeError when an option
 * makes no sense.
 */
export class Control implements Inquirer {
  readonly #context: ControlContext
  readonly #requester: Requester

  constructor(context: ControlContext) {
    this.#context = context
    this.#requester = new Requester(context)
  }

  /** Asks workers what they do: `await app.control.inspect().active()`. */
  inspect(options: UserRequestOptions = {}): Inspect {
    return new Inspect(this, options)
  }

  /**
   * Sends any command. Arguments in snake case, as on the wire.
   * @returns the replies in the order they came; none unless `reply` is set.
   */
  async broadcast(
    command: string,
    options: UserCommandOptions & { readonly arguments?: Arguments | undefined } = {},
  ): Promise<readonly NodeReply[]> {
    const args = options.arguments ?? {}
    const request = normalizeRequestOptions(options)
    if (!(options.reply ?? false)) {
      await this.#requester.cast(command, args, request)
      return []
    }
    const replies: NodeReply[] = []
    for await (const reply of this.#requester.call(command, args, request)) replies.push(reply)
    return replies
  }

  /**
   * Sends any command when it is first iterated, and gives the replies as they come:
   * `for await (const reply of app.control.stream('ping')) …`. Leaving the loop early ends the wait.
   */
  async *stream(
    command: string,
    options: UserRequestOptions & { readonly arguments?: Arguments | undefined } = {},
  ): AsyncGenerator<NodeReply, void> {
    yield* this.#requester.call(command, options.arguments ?? {}, normalizeRequestOptions(options))
  }

  /** Sends any command, and gives the answers by the names of the workers. `inspect()` is made of it. */
  async inquire(
    command: string,
    args: Arguments,
    options: UserRequestOptions,
  ): Promise<Readonly<Record<string, unknown>>> {
    const replies = await this.broadcast(command, { ...options, arguments: args, reply: true })
    return flattenReplies(replies, this.#context.logger)
  }

  /** Whether workers answer: `[{ 'celery@host': { ok: 'pong' } }]`. */
  ping(options: UserRequestOptions = {}): Answers {
    return this.#command('ping', {}, { ...options, reply: true })
  }

  /** Tells workers not to run a task, or several; with `terminate` those that run are ended. */
  revoke(ids: string | readonly string[], options: RevokeOptions = {}): Answers {
    const { terminate = false, signal = 'SIGTERM', ...others } = options
    return this.#command('revoke', { task_id: ids, terminate, signal }, others)
  }

  /** `revoke` with `terminate: true`. */
  terminate(ids: string | readonly string[], options: Omit<RevokeOptions, 'terminate'> = {}): Answers {
    return this.revoke(ids, { ...options, terminate: true })
  }

  /** Revokes tasks that carry one of the stamps. Celery: `revoke_by_stamped_headers`. */
  revokeByStampedHeaders(
    headers: Readonly<Record<string, string | readonly string[]>>,
    options: RevokeOptions = {},
  ): Answers {
    const { terminate = false, signal = 'SIGTERM', ...others } = options
    return this.#command('revoke_by_stamped_headers', { headers, terminate, signal }, others)
  }

  /** Changes the rate limit of a task: `'10/m'`, or a number of tasks per second; 0 lifts it. Celery: `rate_limit`. */
  rateLimit(taskName: string, rateLimit: string | number, options: UserCommandOptions = {}): Answers {
    return this.#command('rate_limit', { task_name: taskName, rate_limit: rateLimit }, options)
  }

  /** Changes the time limits of a task. Celery: `time_limit`. */
  timeLimit(taskName: string, { soft, hard, ...options }: TimeLimitOptions = {}): Answers {
    const limits = { hard: seconds(hard, 'hard'), soft: seconds(soft, 'soft') }
    return this.#command('time_limit', { task_name: taskName, ...limits }, options)
  }

  /** Tells workers to consume from one more queue. Celery: `add_consumer`. */
  addConsumer(queue: string, options: AddConsumerOptions = {}): Answers {
    const { exchange = null, exchangeType = 'direct', routingKey = null, options: more, ...others } = options
    const args = { queue, exchange, exchange_type: exchangeType, routing_key: routingKey, ...more }
    return this.#command('add_consumer', args, others)
  }

  /** Tells workers to consume from a queue no longer. Celery: `cancel_consumer`. */
  cancelConsumer(queue: string, options: UserCommandOptions = {}): Answers {
    return this.#command('cancel_consumer', { queue }, options)
  }

  /** Tells workers to send events of tasks. Celery: `enable_events`. */
  enableEvents(options: UserCommandOptions = {}): Answers {
    return this.#command('enable_events', {}, options)
  }

  /** Tells workers to send no more events of tasks. Celery: `disable_events`. */
  disableEvents(options: UserCommandOptions = {}): Answers {
    return this.#command('disable_events', {}, options)
  }

  /** Makes pools larger. Celery: `pool_grow`. */
  poolGrow(n = 1, options: UserCommandOptions = {}): Answers {
    return this.#command('pool_grow', { n }, options)
  }

  /** Makes pools smaller. Celery: `pool_shrink`. */
  poolShrink(n = 1, options: UserCommandOptions = {}): Answers {
    return this.#command('pool_shrink', { n }, options)
  }

  /** Starts pools anew; workers refuse unless their setting `workerPoolRestarts` is on. Celery: `pool_restart`. */
  poolRestart(
    options: UserCommandOptions & {
      /** Modules to import. */
      readonly modules?: readonly string[] | undefined
      /** Import again those that are imported already. Default false. */
      readonly reload?: boolean | undefined
    } = {},
  ): Answers {
    const { modules = null, reload = false, ...others } = options
    return this.#command('pool_restart', { modules, reload, reloader: null }, others)
  }

  /** Changes the bounds of the size of pools that scale themselves. */
  autoscale(max: number, min: number, options: UserCommandOptions = {}): Answers {
    return this.#command('autoscale', { max, min }, options)
  }

  /** Tells workers to send a heartbeat event at once. They do not reply to it. */
  heartbeat(options: UserCommandOptions = {}): Answers {
    return this.#command('heartbeat', {}, options)
  }

  /** Stops workers, once their running tasks are done. They do not reply to it. */
  shutdown(options: UserCommandOptions = {}): Answers {
    return this.#command('shutdown', {}, options)
  }

  /** Lets the workers choose one of them, which then does `action`. They do not reply to it. */
  async election(id: string, topic: string, action: unknown = null): Promise<void> {
    await this.broadcast('election', { arguments: { id, topic, action } })
  }

  /** Removes all tasks that wait in the queues that are consumed; gives their number. There is no undo. */
  purge(): Promise<number> {
    return this.#context.purge()
  }

  /** The same as `purge`. Celery: `discard_all`. */
  discardAll(): Promise<number> {
    return this.purge()
  }

  async #command(command: string, args: Arguments, options: UserCommandOptions): Answers {
    return answersOf(await this.broadcast(command, { ...options, arguments: args }))
  }
}

function seconds(value: Duration | null | undefined, option: string): number | null {
  return value === undefined || value === null ? null : fromMilliseconds(toMilliseconds(value, option))
}

/** What workers reply to commands. Nobody can check it here: the caller trusts the workers. */
function answersOf(replies: readonly NodeReply[]): readonly NodeReply<CommandAnswer>[] {
  return replies as readonly NodeReply<CommandAnswer>[]
}
