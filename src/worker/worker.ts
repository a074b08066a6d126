import type { Pool } from '../pool/pool.ts'
import { workerDirect } from '../routing/worker-direct.ts'
import { HeapTimer } from '../util/heap-timer.ts'
import type { Logger } from '../util/logger.ts'
import type { Autoscaler } from './autoscaler.ts'
import type { CommandState } from './commands/command-state.ts'
import type { ConsumedQueue, Consumer } from './consumer.ts'
import type { ConsumerClass } from './consumer-class.ts'
import { consumerClass } from './consumer-class.ts'
import { DeadLetters } from './dead-letters.ts'
import { startDelayedDelivery } from './delayed-delivery.ts'
import { Intake } from './intake.ts'
import { leaveTime } from './leave-time.ts'
import { prefetchCount } from './prefetch.ts'
import { RateLimits } from './rate-limits.ts'
import type { RequestHost } from './request.ts'
import { Revokes } from './revokes.ts'
import type { StrategyOptions, TimeLimits } from './strategy.ts'
import { TaskLog } from './task-log.ts'
import { TaskObservers } from './task-observer.ts'
import { TaskSignalsObserver } from './task-signals-observer.ts'
import { countWaitingMessages } from './waiting-messages.ts'
import { Watchdog } from './watchdog.ts'
import type { WorkerApp } from './worker-app.ts'
import { WorkerControl } from './worker-control.ts'
import { WorkerEvents } from './worker-events.ts'
import {
  expandNodeName,
  normalizeWorkerOptions,
  type UserWorkerOptions,
  type WorkerOptions,
} from './worker-options.ts'
import { createAutoscaler, createWorkerPool } from './worker-pool.ts'
import { WorkerState } from './worker-state.ts'
import type { WorkerSteps } from './worker-steps.ts'
import { createWorkerSteps } from './worker-steps.ts'

export type { UserWorkerOptions } from './worker-options.ts'

/** How a worker stops. */
export type StopMode =
  /** Running tasks finish; everything else goes back to the broker. */
  | 'warm'
  /** Running tasks are ended by force; what acknowledges late goes back to the broker. */
  | 'cold'

/**
 * Takes tasks from the broker and runs them. Celery: `Worker`, `WorkController`.
 *
 * *New* → `start()` → *running* → `stop()` → *stopped*, for good. Starting: the app's modules are loaded, the pool is
 * started, then the consumer. Stopping warm: the consumer takes no more, held and waiting requests are dropped,
 * running ones end, their settlements go out, the channel gives back the rest. A cold stop ends the running ones.
 * When the broker is gone for good the worker stops by itself, with exit code 1.
 */
export class Worker {
  readonly app: WorkerApp
  readonly options: WorkerOptions
  readonly state: WorkerState = new WorkerState()
  /** Who watches what becomes of the tasks: the log, and whoever is added. */
  readonly observers: TaskObservers = new TaskObservers()
  /** What is not to be run. */
  readonly revokes: Revokes = new Revokes()
  /** What it tells monitors and other workers, and hears of them. */
  readonly events: WorkerEvents
  /** By which it is controlled from outside. */
  readonly control: WorkerControl
  readonly #timeLimits = new Map<string, TimeLimits>()
  readonly #rateLimits: RateLimits | undefined
  readonly #logger: Logger
  readonly #timer: HeapTimer
  readonly #closed = Promise.withResolvers<number>()
  #pool: Pool | undefined
  #autoscaler: Autoscaler | undefined
  #steps: WorkerSteps | undefined
  #consumer: Consumer | undefined
  #watchdog: Watchdog | undefined
  #deadLetters: DeadLetters | undefined
  readonly #leaving = new AbortController()
  #stopping = false
  #stopped: Promise<void> | undefined
  /** Settles when a cold stop has waited long enough for outcomes to be written. */
  readonly #impatient = Promise.withResolvers<void>()

  /** @throws ImproperlyConfigured when an option cannot be. */
  constructor(app: WorkerApp, options: UserWorkerOptions = {}) {
    this.app = app
    this.#timer = new HeapTimer(app.clock)
    this.options = normalizeWorkerOptions(this.#introduce(options), app.workerSettings)
    this.#logger = options.logger ?? app.logger
    this.control = new WorkerControl((delivery) => app.decodeBody(delivery), this.#logger)
    const { tasks } = app
    this.#rateLimits = this.options.rateLimits ? new RateLimits({ tasks, timer: this.#timer }) : undefined
    this.observers.add(new TaskLog(this.#logger))
    this.events = new WorkerEvents({
      ...this.options,
      events: app.events,
      observers: this.observers,
      state: this.state,
      callTask: async (signature) => app.signatureFrom(signature).applyAsync(),
      heartbeatSent: () => app.signals.heartbeatSent.deliver({ sender: this }),
      logger: this.#logger,
      clock: app.clock,
    })
    this.observers.add(new TaskSignalsObserver({ worker: this, tasks: app.tasks, signals: app.signals }))
  }

  /** Settles with the exit code when the worker has stopped: 0, or 1 when it had to give up. */
  get closed(): Promise<number> {
    return this.#closed.promise
  }

  /** Node name. */
  get hostname(): string {
    return this.options.hostname
  }

  /** The pool, while the worker runs. */
  get pool(): Pool | undefined {
    return this.#pool
  }

  /** Changes the size of the pool, if it was asked for. */
  get autoscaler(): Autoscaler | undefined {
    return this.#autoscaler
  }

  /** The steps of the app's users, while the worker runs. */
  get steps(): WorkerSteps | undefined {
    return this.#steps
  }

  get logger(): Logger {
    return this.#logger
  }

  /** The queues that it begins with, its own among them if it has one. */
  get queues(): readonly ConsumedQueue[] {
    const { direct, queues: select, excludeQueues: exclude } = this.options
    const queues = this.app.consumedQueues({ select, exclude })
    return direct ? [...queues, workerDirect(this.hostname)] : queues
  }

  /** Messages moved to the dead-letter queue so far. */
  get buried(): number {
    return this.#deadLetters?.count ?? 0
  }

  /** Times the watchdog had to connect anew so far. */
  get rebuilds(): number {
    return this.#watchdog?.rebuilds ?? 0
  }

  /**
   * Settles when tasks can come, or when the worker was stopped before. Rejects, having cleaned up, when the pool or the
   * broker cannot be had.
   */
  async start(): Promise<void> {
    try {
      await this.#begin()
    } catch (error) {
      const wasStopped = this.#stopped !== undefined
      this.#stopped ??= this.#shutDown('cold', 1)
      await this.#stopped
      // What failed because the worker was stopped is no failure.
      if (!wasStopped) throw error
    }
  }

  /** Its own queues alone: those that it leaves to others keep what they have. */
  async #purge(): Promise<void> {
    const { queues: select, excludeQueues: exclude } = this.options
    const names = this.app.consumedQueues({ select, exclude }).map(({ name }) => name)
    // An empty list would mean all of them.
    if (names.length > 0) await this.app.purge(names)
  }

  /** Receivers of the signal may change the options. */
  #introduce(given: UserWorkerOptions): UserWorkerOptions {
    const { celerydInit } = this.app.signals
    if (!celerydInit.hasReceivers) return given
    const options = { ...given }
    const sender = expandNodeName(given.hostname ?? 'celery@%h')
    void celerydInit.sendAtOnce({ sender, instance: this, conf: this.app.conf, options })
    return options
  }

  async #begin(): Promise<void> {
    const { signals, conf, tasks } = this.app
    await this.app.loadModules()
    // What settings make of the options of a task may make no sense; its first message is too late to hear of that.
    for (const task of tasks) void task.options
    await signals.workerInit.send({ sender: this })
    await signals.celerydAfterSetup.send({ sender: this.hostname, instance: this, conf })
    if (this.#stopping) return
    const pool = await createWorkerPool(this.options, this.#logger)
    // A worker may be stopped at any moment; what is not there yet when that happens must not come any more.
    if (this.#stopping) return
    this.#pool = pool
    const { appModule } = this.options
    await pool.start(this.app.runnerSource({ hostname: this.hostname, module: appModule }))
    if (this.#stopping) return
    await this.#startCompanions(pool)
    const Class = await consumerClass(this.options.consumer)
    if (this.#stopping) return
    const host = this.#requestHost(pool)
    const consumer = this.#createConsumer(Class, pool, host)
    this.#consumer = consumer
    this.control.start(this.#commandState(pool, consumer))
    if (this.options.purge) await this.#purge()
    await consumer.start()
    const { signal } = this.#leaving
    await startDelayedDelivery(this.app, this.options, { logger: this.#logger, signal })
    if (this.#stopping) return
    consumer.failed.catch((error: unknown) => this.#giveUp(error))
    if (consumer.broker !== undefined) {
      this.events.start((await this.app.resolveTransport(consumer.broker.url)).name)
    }
    this.#watchdog = this.#createWatchdog(consumer, pool)
    this.#watchdog.start()
    await this.control.ready
    if (this.#stopping) return
    this.#logger.info(`${this.hostname} ready.`)
    await signals.workerReady.send({ sender: this })
  }

  /**
   * Stops; a second call with `cold` hurries a warm stop. Settles when everything is closed.
   * @param signal of the operating system that wants it so, for receivers of `workerShuttingDown`.
   */
  stop(mode: StopMode = 'warm', signal?: string): Promise<void> {
    const { workerShuttingDown } = this.app.signals
    if (workerShuttingDown.hasReceivers) {
      const [how, exitcode] = mode === 'warm' ? ['Warm', 0] : ['Cold', 1]
      void workerShuttingDown.deliver({ sender: this.hostname, sig: signal, how, exitcode })
    }
    if (this.#stopped !== undefined && mode === 'cold') void this.#endPool()
    this.#stopped ??= this.#shutDown(mode, 0)
    return this.#stopped
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop('warm')
  }

  /** Never rejects: a worker that stops comes to its end. */
  async #shutDown(mode: StopMode, exitCode: number): Promise<void> {
    this.#stopping = true
    this.#leaving.abort()
    this.#watchdog?.stop()
    this.#autoscaler?.stop()
    // Before anything is awaited, so that no slot that becomes free is given to one of them.
    for (const request of this.state.requests) request.drop()
    await this.#steps?.closeConsumer()
    const done = [await this.#attempt('stop consuming', this.#consumer?.stopConsuming())]
    if (mode === 'cold') done.push(await this.#endPool())
    done.push(await this.#whenIdle())
    await this.#steps?.close({ terminate: mode === 'cold' })
    done.push(await this.#attempt('end the pool', this.#pool?.stop({ graceful: true })))
    done.push(await this.#attempt('say good-bye', this.events.stop()))
    const { patience } = this.options
    done.push(await this.#attempt('bury what is dead', this.#deadLetters?.close(leaveTime(patience))))
    done.push(await this.#attempt('disconnect', this.#consumer?.close()))
    done.push(await this.#attempt('save its state', this.control.close()))
    this.#timer.close()
    await this.app.signals.workerShutdown.send({ sender: this })
    this.#closed.resolve(done.every(Boolean) ? exitCode : 1)
  }

  /** By force; then nothing is waited for but that outcomes are written, and not for long: a backend may be silent. */
  async #endPool(): Promise<boolean> {
    const ended = await this.#attempt('end the pool', this.#pool?.stop({ graceful: false }))
    const { resolve } = this.#impatient
    this.app.clock.setTimeout(resolve, leaveTime(this.options.patience)).unref()
    return ended
  }

  /** Settles when there is no request left, or none that may be waited for. Answers whether all came to their end. */
  async #whenIdle(): Promise<boolean> {
    await Promise.race([this.state.whenIdle(), this.#impatient.promise])
    const { size } = this.state.requests
    if (size > 0)
      this.#logger.error(`The outcomes of ${size} tasks could not be written while the worker stopped`)
    return size === 0
  }

  /** One step of stopping; what goes wrong there must not keep the others from being done. */
  async #attempt(what: string, step: Promise<void> | undefined): Promise<boolean> {
    try {
      await step
      return true
    } catch (error) {
      this.#logger.error(`The worker could not ${what} as it should`, { error })
      return false
    }
  }

  #giveUp(error: unknown): void {
    this.#logger.critical(`consumer: giving up: ${error instanceof Error ? error.message : String(error)}`)
    this.#stopped ??= this.#shutDown('warm', 1)
  }

  /** What comes after the pool and before the first message. */
  async #startCompanions(pool: Pool): Promise<void> {
    const { app, options, state } = this
    const logger = this.#logger
    this.#autoscaler = await createAutoscaler(options, {
      pool,
      quantity: () => state.active,
      changed: () => this.#consumer?.applyPrefetch(),
      logger,
    })
    this.#autoscaler?.start()
    const { hooks } = this.control
    if (this.#autoscaler !== undefined) hooks.autoscaler = this.#autoscaler
    hooks.events = this.events
    hooks.elect = (id, topic, action) => this.events.gossip?.elect(id, topic, action)
    hooks.info = () => ({
      ...(this.#autoscaler === undefined ? {} : { autoscaler: this.#autoscaler.info() }),
      ...this.#steps?.info(),
    })
    this.#steps = await createWorkerSteps({
      steps: app.steps,
      agent: options.agent,
      worker: this,
      decodeBody: (delivery) => app.decodeBody(delivery),
      failed: (error) => this.#giveUp(error),
      logger,
    })
    if (!this.#stopping) await this.#steps.start()
  }

  #createConsumer(Class: ConsumerClass, pool: Pool, host: RequestHost): Consumer {
    const { app, options } = this
    const strategy: StrategyOptions = {
      tasks: app.tasks,
      hostname: this.hostname,
      decode: (delivery) => app.decodeBody(delivery),
      wantRepr: () => host.observers.wantsResults,
      timeLimits: this.#timeLimits,
      timeLimit: options.timeLimit,
      softTimeLimit: options.softTimeLimit,
    }
    const intake = new Intake({ host, strategy, state: this.state, logger: this.#logger })
    return new Class({
      candidates: app.brokers('read'),
      resolve: (url) => app.resolveTransport(url),
      queues: this.queues,
      prefetch: () => this.#prefetch(pool),
      ...(options.disablePrefetch ? { room: () => this.#places(pool) - this.state.active } : {}),
      deliver: (delivery, session) => intake.take(delivery, session),
      opened: (session) => {
        this.control.attach(session)
        this.#steps?.opened(session)
      },
      lost: (session) => {
        this.state.sessionLost(session)
        if (options.cancelOnConnectionLoss) for (const request of this.state.requests) request.cancel()
        this.#steps?.lost(session)
      },
      retry: app.brokerRetry,
      patience: options.patience,
      logger: this.#logger,
    })
  }

  #prefetch(pool: Pool): number {
    const { disablePrefetch, prefetchMultiplier, etaTaskLimit } = this.options
    return prefetchCount({
      concurrency: this.#places(pool),
      appetite: pool.appetite ?? pool.size,
      multiplier: disablePrefetch ? 1 : prefetchMultiplier,
      held: this.state.held,
      limit: etaTaskLimit,
    })
  }

  /** Tasks that can run at once, or could if the pool were as large as it may be. */
  #places(pool: Pool): number {
    return this.#autoscaler?.max ?? pool.size
  }

  #createWatchdog(consumer: Consumer, pool: Pool): Watchdog {
    return new Watchdog({
      patience: this.options.patience,
      hungry: () => {
        const limit = this.#prefetch(pool)
        return consumer.session !== undefined && (limit === 0 || this.state.requests.size < limit)
      },
      delivered: () => this.state.delivered,
      waiting: async () =>
        consumer.session === undefined
          ? 0
          : countWaitingMessages(consumer.session.connection, consumer.queues),
      rebuild: () => consumer.rebuild(),
      logger: this.#logger,
    })
  }

  #commandState(pool: Pool, consumer: Consumer): CommandState {
    const { app, control, hostname, options, revokes, state } = this
    return {
      ...{ pool, consumer, hostname, options, revokes, state },
      hooks: control.hooks,
      tasks: app.tasks,
      services: app.controlServices(),
      rateLimits: this.#rateLimits,
      timeLimits: this.#timeLimits,
      startedAt: performance.now(),
      logger: this.#logger,
      prefetchCount: () => this.#prefetch(pool),
      poolChanged: () => consumer.applyPrefetch(),
      shutDown: () => void this.stop('warm'),
    }
  }

  #requestHost(pool: Pool): RequestHost {
    const { state } = this
    const worker = this
    const logger = this.#logger
    const deadLetters = new DeadLetters({
      queue: this.options.deadLetterQueue,
      hostname: this.hostname,
      session: () => this.#consumer?.session,
      logger,
    })
    this.#deadLetters = deadLetters
    return {
      pool,
      timer: this.#timer,
      rateLimits: this.#rateLimits,
      observers: this.observers,
      deadLetters,
      recorder: this.app.recorder,
      revokes: this.revokes,
      maxDeliveries: this.options.maxDeliveries,
      get stopping() {
        return worker.#stopping
      },
      entered: (request) => {
        state.enter(request)
        this.#autoscaler?.maybeScale()
      },
      held: () => {
        state.held += 1
        this.#consumer?.applyPrefetch()
      },
      released: () => {
        state.held -= 1
        this.#consumer?.applyPrefetch()
      },
      settled: (request, settlement, session) => state.sent(request, settlement, session),
      ended: (request) => {
        state.leave(request)
        this.#consumer?.applyPrefetch()
      },
      recordingFailed: (request, error) => {
        logger.error(
          `Cannot store the outcome of ${request.name}[${request.id}]; it goes back to the broker`,
          { error },
        )
      },
    }
  }
}
