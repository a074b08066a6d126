import { hostname } from 'node:os'
import type { ResultStore } from '../backends/result-store.ts'
import { fromObject } from '../canvas/from-object.ts'
import { pipe } from '../canvas/pipe.ts'
import type { LazySettings } from '../config/configuration.ts'
import { Configuration } from '../config/configuration.ts'
import type { SourceOptions } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import type { Control } from '../control/control.ts'
import type { ExecutionHost } from '../execution/ports.ts'
import type { OutcomeRecorder } from '../execution/recorder.ts'
import { CompressionRegistry } from '../messaging/compression.ts'
import type { Queue } from '../messaging/entity.ts'
import type { Delivery } from '../messaging/message.ts'
import type { SerializerRegistry } from '../messaging/serialization/registry.ts'
import { createSerializerRegistry } from '../messaging/serialization/registry.ts'
import type { Channel, Transport, TransportOptions } from '../messaging/transport.ts'
import type { RunnerSource } from '../pool/pool.ts'
import type { ErrorClass, ErrorClassOptions } from '../protocol/error-classes.ts'
import { ErrorClasses } from '../protocol/error-classes.ts'
import { AsyncResult } from '../result/async-result.ts'
import { GroupResult } from '../result/group-result.ts'
import type { ResultContext, ResultNode } from '../result/ports.ts'
import type { ResultPromise } from '../result/result-promise.ts'
import type { Queues } from '../routing/queues.ts'
import type { Anything } from '../task/bound-arguments.ts'
import type { ApplyOptions } from '../task/call-arguments.ts'
import type { UserCallOptions } from '../task/call-options.ts'
import { toWireOptions } from '../task/call-options.ts'
import { callTask } from '../task/call-task.ts'
import type { TaskSelf } from '../task/context.ts'
import { setCurrentHost } from '../task/current-host.ts'
import type { TaskPublishOptions } from '../task/options.ts'
import type { EagerOutcome, TaskCall } from '../task/ports.ts'
import type { TaskRegistry } from '../task/registry.ts'
import type { AnySignature, CanvasHost } from '../task/signature.ts'
import { readCall, Signature } from '../task/signature.ts'
import type { Task } from '../task/task.ts'
import { typedTask } from '../task/task.ts'
import type { TaskBase } from '../task/task-base.ts'
import type { Clock } from '../util/clock.ts'
import { systemClock } from '../util/clock.ts'
import { LamportClock } from '../util/lamport-clock.ts'
import type { Logger } from '../util/logger.ts'
import { StreamLogger } from '../util/logger.ts'
import { SwitchLogger } from '../util/switch-logger.ts'
import { type Timezone, timezone } from '../util/timezone.ts'
import { uuid } from '../util/uuid.ts'
import type { DelayedDelivery, QueueSelection } from './app-amqp.ts'
import { AppAmqp } from './app-amqp.ts'
import { createControl } from './app-control.ts'
import { AppEvents } from './app-events.ts'
import { AppExecution } from './app-execution.ts'
import { AppLog } from './app-log.ts'
import { AppModules } from './app-modules.ts'
import type { AppOptions, UserAppOptions } from './app-options.ts'
import { checkAppArguments, normalizeAppOptions } from './app-options.ts'
import { AppResults } from './app-results.ts'
import type { PeriodicTaskOptions, PeriodicTaskSchedule } from './app-schedule.ts'
import { AppSchedule } from './app-schedule.ts'
import type { SecurityOptions } from './app-security.ts'
import { setupSecurity } from './app-security.ts'
import type { AppSignals } from './app-signals.ts'
import { createAppSignals } from './app-signals.ts'
import type { AppSteps } from './app-steps.ts'
import { createAppSteps } from './app-steps.ts'
import { AppTasks } from './app-tasks.ts'
import { bugReport } from './bug-report.ts'
import { ControlServices } from './control-services.ts'
import type { Bound, InputOf, OutputOf, ParametersOf, TaskDeclaration, Unbound } from './declare-task.ts'
import { readDeclaration, readTaskBase } from './declare-task.ts'
import type { UserOptions } from './user-options.ts'
import { createUserOptions } from './user-options.ts'
import type { BrokerRetry, WorkerSettings } from './worker-settings.ts'
import { readBrokerRetry, readWorkerSettings } from './worker-settings.ts'

type Kwargs = Readonly<Record<string, unknown>>

/**
 * An app: its tasks, its settings, and everything that is made of them. Celery: `Celery`.
 *
 * Making one connects to nothing and reads no configuration; both happen when they are first needed.
 */
export class Celery implements CanvasHost, AsyncDisposable {
  /** The name that tasks get which have none of their own: `new Celery('tasks')` → `tasks.add`. */
  readonly main: string | undefined
  /** Its settings, to be read and changed. Celery: `app.conf`. */
  readonly conf: Configuration
  /** Writes its lines; see `log` for where they go. */
  readonly logger: Logger
  /** The source of time. */
  readonly clock: Clock
  /** Orders the messages of remote control and events. Celery: `app.clock` (ours is the source of time). */
  readonly logicalClock: LamportClock = new LamportClock()
  /** What happens to tasks, workers and beat, to be listened to. Celery: `celery.signals`, for all apps. */
  readonly signals: AppSignals
  /** Steps that start and stop with every worker of the app. Celery: `app.steps`. */
  readonly steps: AppSteps = createAppSteps()
  /** Options that it adds to the command line. Celery: `app.user_options`. */
  readonly userOptions: UserOptions = createUserOptions()
  /** How bodies are written; more can be registered. kombu: `kombu.serialization`. */
  readonly serializers: SerializerRegistry = createSerializerRegistry()
  /** How bodies are compressed; more can be registered. kombu: `kombu.compression`. */
  readonly compressions: CompressionRegistry = new CompressionRegistry()
  /** Classes of errors that survive the way through a backend; see `registerErrorClass`. */
  readonly errorClasses: ErrorClasses = new ErrorClasses()
  /** Id of this process as a client: where replies to it go. Celery: `app.oid`. */
  readonly oid: string = uuid()
  readonly #options: AppOptions
  readonly #tasks: AppTasks
  /** Its broker and its queues. Celery: `app.amqp`. */
  readonly amqp: AppAmqp
  /** Where its lines go, and how they look. Celery: `app.log`. */
  readonly log: AppLog
  /** Commands to workers that run. Celery: `app.control`. */
  readonly control: Control
  /** What workers and clients tell those who watch. Celery: `app.events`. */
  readonly events: AppEvents
  readonly #results: AppResults
  readonly #schedule: AppSchedule
  readonly #execution: AppExecution
  readonly #modules: AppModules

  constructor(main?: string, options: UserAppOptions = {}) {
    checkAppArguments(main, options)
    this.#options = normalizeAppOptions(options)
    this.main = main
    const logging = SwitchLogger.to(this.#options.logger ?? new StreamLogger('celery'))
    this.logger = logging
    this.clock = this.#options.clock ?? systemClock
    this.signals = createAppSignals(this.logger)
    this.conf = this.#configuration()
    this.#schedule = new AppSchedule(this, this.conf)
    this.#tasks = new AppTasks(this, this.#options)
    const { conf, logger, clock, signals, serializers, compressions } = this
    const settings = (): Settings => this.settings
    const clientName = `gen${process.pid}@${hostname()}`
    const replyTo = (task: string): string => this.resultContextOf(task).store.replyTo ?? this.oid
    const common = { settings, logger, clock, signals, serializers, compressions }
    this.amqp = new AppAmqp({
      ...common,
      clientName,
      replyTo,
      events: () => this.events.defaultDispatcher(),
      prepare: ({ id, name, options }) =>
        options['ignore_result'] === true ? undefined : this.resultContextOf(name).store.prepareSend(id),
    })
    const isCustom = this.#options.logger !== undefined
    this.log = new AppLog({ logger: logging, isCustom, settings, signals })
    const openChannel = (): Promise<Channel> => this.amqp.broker.openChannel()
    this.control = createControl(this)
    this.events = new AppEvents({
      ...common,
      broker: this.amqp.broker,
      logicalClock: this.logicalClock,
      clientName,
      wakeup: () => this.control.broadcast('heartbeat').then(() => undefined),
    })
    const { errorClasses, control } = this
    this.#results = new AppResults({ conf, errorClasses, openChannel, control, ...common })
    this.#execution = new AppExecution({ host: this, conf, serializers, compressions, signals })
    this.#modules = new AppModules({ sender: this, settings, serializers, signals })
    if (this.#options.setAsCurrent) setCurrentHost(this)
    this.onInit()
  }

  /** For subclasses: called at the end of the constructor, before their own fields are there. Celery: `on_init`. */
  protected onInit(): void {}

  // ---------------------------------------------------------------- tasks

  /**
   * Declares a task: `app.task('tasks.add', (x: number, y: number) => x + y)`, with options in between. With
   * `bind: true` the function gets the running call (`self`) first. Declaring a name again gives the first task.
   */
  task<F extends CallableFunction>(name: string, body: F): Task<ParametersOf<F>, OutputOf<F>>
  task<In extends readonly unknown[], Args extends readonly unknown[], Output>(
    name: string,
    options: Bound & InputOf<In, Args>,
    body: (self: TaskSelf, ...args: NoInfer<Args>) => Output,
  ): Task<In, Output>
  task<In extends readonly unknown[], Args extends readonly unknown[], Output>(
    name: string,
    options: Unbound & InputOf<In, Args>,
    body: (...args: NoInfer<Args>) => Output,
  ): Task<In, Output>
  task<Args extends readonly unknown[], Output>(
    name: string,
    options: Bound,
    body: (self: TaskSelf, ...args: Args) => Output,
  ): Task<Args, Output>
  task<F extends CallableFunction>(
    name: string,
    options: Unbound,
    body: F,
  ): Task<ParametersOf<F>, OutputOf<F>>
  task<Args extends readonly unknown[], Output>(
    options: Bound,
    body: (self: TaskSelf, ...args: Args) => Output,
  ): Task<Args, Output>
  task<F extends CallableFunction>(options: Unbound, body: F): Task<ParametersOf<F>, OutputOf<F>>
  task<F extends CallableFunction>(body: F, options?: Unbound): Task<ParametersOf<F>, OutputOf<F>>
  task(...declaration: readonly unknown[]): unknown {
    return this.#tasks.declare(readDeclaration(declaration, (name) => this.genTaskName(name)))
  }

  /** Declares a class-based task; see `TaskBase`. Celery: `register_task`. */
  registerTask<Args extends readonly unknown[], Output>(
    task: TaskBase & { run(...args: Args): Output },
  ): Task<Args, Output> {
    return typedTask(this.#tasks.declare(readTaskBase(task), task))
  }

  /**
   * A task that runs elsewhere (in Python, say), so that calling it is typed:
   * `app.remoteTask<[x: number, y: number], number>('py.add', { queue: 'py' })`.
   */
  remoteTask<Args extends readonly unknown[] = readonly unknown[], Result = unknown>(
    name: string,
    options: TaskPublishOptions & Pick<TaskDeclaration, 'params' | 'input' | 'ignoreResult'> = {},
  ): Task<Args, Result> {
    return typedTask(this.#tasks.declareRemote(name, options))
  }

  /** The name of a task whose declaration gives none. Override it to name tasks your way. */
  genTaskName(functionName: string): string {
    return `${this.main ?? 'tasks'}.${functionName}`
  }

  /** The tasks that are declared here, by name. Celery: `app.tasks`. */
  get tasks(): TaskRegistry<Task> {
    return this.#tasks.registry
  }

  /** Names of all tasks, Celery's own included. */
  get taskNames(): readonly string[] {
    return this.tasks.names({ builtins: true })
  }

  // ---------------------------------------------------------------- calling

  /** Sends a call of a task that need not be known here. Celery: `send_task`. */
  sendTask<Result = unknown>(
    name: string,
    args: readonly unknown[] = [],
    kwargs: Kwargs = {},
    options: UserCallOptions = {},
  ): ResultPromise<Result> {
    if (this.settings.taskAlwaysEager) this.logger.warn('taskAlwaysEager has no effect on sendTask')
    const task = this.tasks.get(name)
    return callTask<Result>(this, { name, task, neverEager: true }, args, kwargs, toWireOptions(options))
  }

  /** A signature of a task by its name, with arguments and options. Celery: `app.signature`. */
  signature<Result = unknown>(
    name: string,
    parts: ApplyOptions & { readonly args?: readonly unknown[]; readonly immutable?: boolean } = {},
  ): Signature<Anything, Result> {
    const { args = [], immutable = false, ...rest } = parts
    const { kwargs = {}, options } = readCall([args, rest])
    return new Signature(this, { task: name, args, kwargs, options, immutable })
  }

  /**
   * Adds an entry to `beatSchedule`: `app.addPeriodicTask(30, add.s(2, 2), { name: 'add every half minute' })`.
   * @returns its name; without one given, that is the call as it would be written. Celery: `add_periodic_task`.
   */
  addPeriodicTask(
    schedule: PeriodicTaskSchedule,
    task: AnySignature | { readonly name: string },
    options: PeriodicTaskOptions = {},
  ): string {
    return this.#schedule.add(schedule, task, options)
  }

  /** The result of a call, by its id. Celery: `app.AsyncResult`. */
  AsyncResult<Result = unknown>(id: string): AsyncResult<Result> {
    return new AsyncResult(id, this.resultContext)
  }

  /** The same as `AsyncResult`. */
  asyncResult<Result = unknown>(id: string): AsyncResult<Result> {
    return this.AsyncResult(id)
  }

  /** A group that was saved, by its id; undefined when there is none. Celery: `GroupResult.restore`. */
  groupResult(id: string): Promise<ResultNode | undefined> {
    return GroupResult.restore(id, this.resultContext)
  }

  // ---------------------------------------------------------------- settings and modules

  /** The settings, resolved: one object until one of them changes. */
  get settings(): Settings {
    return this.conf.resolved()
  }

  /** The zone in which times without one are meant. */
  get timezone(): Timezone {
    return timezone(this.settings.timezone ?? 'UTC')
  }

  /** Whether times without a zone are meant in UTC. Celery: `uses_utc_timezone`. */
  get usesUtcTimezone(): boolean {
    return this.timezone.name === 'UTC'
  }

  /** The time on the clock of the app. */
  now(): Date {
    return new Date(this.clock.now())
  }

  /** The first of the values that says something, else the setting. Celery: `either`. */
  either(setting: string, ...values: readonly unknown[]): unknown {
    return values.find((value) => value !== undefined && value !== null) ?? this.conf.get(setting)
  }

  /** Versions, platform and settings as a text, without passwords. Celery: `bugreport`. */
  bugreport(): string {
    return bugReport(this)
  }

  /** Celery: `config_from_object`. */
  configFromObject(source: object | string, options?: SourceOptions & { readonly force?: boolean }): void {
    this.conf.configFromObject(source, options)
  }

  /** Celery: `config_from_envvar`. */
  configFromEnvvar(variable: string, options?: SourceOptions & { readonly force?: boolean }): boolean {
    return this.conf.configFromEnvvar(variable, options)
  }

  /** Celery: `add_defaults`. */
  addDefaults(defaults: LazySettings): void {
    this.conf.addDefaults(defaults)
  }

  /** Lets the class of an error survive the way through the result backend. See `ErrorClassOptions`. */
  registerErrorClass(errorClass: ErrorClass, options?: ErrorClassOptions): void {
    this.errorClasses.register(errorClass, options)
  }

  /**
   * Makes the serializer `auth`: from now on messages are signed, and only signed ones are read.
   * @throws ImproperlyConfigured, SecurityError: see `SecurityOptions`. Celery: `setup_security`.
   */
  setupSecurity(options: SecurityOptions = {}): void {
    setupSecurity(this, options)
  }

  /**
   * Imports the module `tasks` of each package when a worker starts. Packages without one are passed over.
   * @param relatedName another module; null: the package itself. Celery: `autodiscover_tasks`.
   */
  autodiscoverTasks(
    packages: readonly string[] | (() => readonly string[]),
    options: { readonly relatedName?: string | null } = {},
  ): void {
    this.#modules.autodiscover(packages, options.relatedName)
  }

  /**
   * Imports the modules of `imports`, `include` and `autodiscoverTasks`, and loads the serializers that are needed. Once:
   * whoever calls it again gets the same promise. When it failed the next call tries again.
   */
  loadModules(): Promise<void> {
    return this.#modules.load()
  }

  // ---------------------------------------------------------------- what tasks, execution and workers need

  get results(): ResultStore {
    return this.resultContext.store
  }

  get resultContext(): ResultContext {
    return this.#results.context
  }

  resultContextOf(task: string): ResultContext {
    return this.#results.contextOf(this.tasks.get(task)?.options.backend)
  }

  /** The queues, made of the settings. */
  get queues(): Queues {
    return this.amqp.queues
  }

  publish(call: TaskCall): Promise<void> {
    return this.amqp.publish(call)
  }

  runEagerly(call: TaskCall): Promise<EagerOutcome> {
    return this.#execution.runEagerly(call)
  }

  pipe(left: AnySignature, right: AnySignature): AnySignature {
    return pipe(left, right)
  }

  signatureFrom(signature: unknown): AnySignature {
    return fromObject(this, signature)
  }

  executionHost(): ExecutionHost {
    return this.#execution.host()
  }

  /** Decodes the body of a message. @throws SerializationError. */
  decodeBody(delivery: Delivery): unknown {
    return this.#execution.decode(delivery)
  }

  /** Writes the outcomes of tasks that the process that ran them could not write. */
  get recorder(): OutcomeRecorder {
    return this.#execution.recorder
  }

  /** The settings that workers look at. */
  get workerSettings(): WorkerSettings {
    return readWorkerSettings(this.settings)
  }

  /** When a worker connects again. */
  get brokerRetry(): BrokerRetry {
    return readBrokerRetry(this.settings)
  }

  /** The alternatives of the broker. */
  brokers(purpose: 'read' | 'write'): readonly TransportOptions[] {
    return this.amqp.broker.candidates(purpose)
  }

  resolveTransport(url: string): Promise<Transport> {
    return this.amqp.broker.resolve(url)
  }

  /** The queues to consume: those selected, else all that are configured, less the excluded. */
  consumedQueues(selection?: QueueSelection): readonly Queue[] {
    return this.amqp.consumedQueues(selection)
  }

  /** What RabbitMQ needs to keep tasks until they are due; undefined: workers wait themselves. */
  delayedDelivery(selection?: QueueSelection): DelayedDelivery | undefined {
    return this.amqp.delayedDelivery(selection)
  }

  /** How a pool runs tasks: in this process, or in others, which load `module` (`file#export`). */
  runnerSource({ module }: { readonly module: string | undefined }): RunnerSource {
    return this.#execution.runnerSource(module)
  }

  /** What remote control of workers needs. */
  controlServices(): ControlServices {
    return new ControlServices(this)
  }

  /** Empties queues (default: all that are consumed); settles with the number of messages removed. */
  purge(names?: readonly string[]): Promise<number> {
    return this.amqp.purge(names)
  }

  /** Makes it the app that is meant where none is named. Celery: `set_current`, `set_default`. */
  setCurrent(): void {
    setCurrentHost(this)
  }

  /** Waits for what is being published and stored, then disconnects. Using the app again connects again. */
  async close(): Promise<void> {
    await this.events.close()
    await this.#results.close()
    await this.amqp.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #configuration(): Configuration {
    const { settings, changes, configSource, namespace, useDefaultConfigModule } = this.#options
    const { onConfigure, onAfterConfigure } = this.signals
    const conf = new Configuration(settings, {
      useDefaultModule: useDefaultConfigModule,
      beforeLoad: () => void onConfigure.sendAtOnce({ sender: this }),
      afterLoad: () => {
        this.#schedule.configured()
        void onAfterConfigure.sendAtOnce({ sender: this, source: conf })
      },
    })
    if (changes !== undefined) conf.update(changes)
    if (configSource !== undefined) conf.configFromObject(configSource, { namespace })
    return conf
  }
}
