/** The signals of workers, of the beat and of the command line. Who sends them stands above the app. */
import type { Logger } from '../util/logger.ts'
import { Signal } from '../util/signal.ts'

/** A worker that is being made. */
export interface WorkerSetup {
  /** Its node name. */
  readonly sender: string
  /** The worker. */
  readonly instance: object
  /** The configuration: `app.conf`. */
  readonly conf: object
}

/** A worker before anything was done with its options. */
export interface WorkerBegins extends WorkerSetup {
  /** As they were given; what is changed here counts. */
  readonly options: Record<string, unknown>
}

/** Something about a service as a whole. */
export interface ServiceEvent {
  /** The worker, the beat, the pool. */
  readonly sender: object
}

/** A worker that was told to stop. */
export interface WorkerShuttingDown {
  /** Its node name. */
  readonly sender: string
  /** The signal of the operating system that told it so; undefined: it was told by the program. */
  readonly sig: string | undefined
  /** `Warm` or `Cold`. */
  readonly how: string
  readonly exitcode: number
}

/** A process of a pool, told in that process. */
export interface PoolProcessEvent {
  readonly sender: undefined
}

/** The end of a process of a pool. */
export interface PoolProcessShutdown extends PoolProcessEvent {
  readonly pid: number
  readonly exitcode: number
}

/** A task that a worker has taken from the broker. */
export interface ReceivedTask {
  readonly id: string
  /** Name of the task. */
  readonly name: string
}

/** A message of a worker that is a task. */
export interface TaskReceived {
  /** The worker. */
  readonly sender: object
  readonly request: ReceivedTask
}

/** A task that is not run, or not any more. */
export interface TaskRevoked {
  /** The task; undefined: it is not known here. */
  readonly sender: object | undefined
  readonly request: ReceivedTask
  /** It ran already. */
  readonly terminated: boolean
  /** The signal that ended it. */
  readonly signum: string | undefined
  readonly expired: boolean
}

/** A message that is no task. */
export interface TaskRejected {
  /** The worker. */
  readonly sender: object
  readonly message: object
  readonly error: Error
}

/** A task that no module of the worker registers. */
export interface TaskUnknown extends TaskRejected {
  readonly name: string
  readonly id: string
}

/** Logging that is to be set up. */
export interface SetupLogging {
  readonly sender: undefined
  /** Least severity that is written. */
  readonly loglevel: string
  /** Undefined: standard error. */
  readonly logfile: string | undefined
  /** As in `workerLogFormat`. */
  readonly format: string
  readonly colorize: boolean
}

/** Logging that was set up. */
export interface LoggerReady extends SetupLogging {
  readonly logger: Logger
}

/** An app that a command of the command line has loaded. */
export interface UserPreloadOptions {
  /** What the command is handed. */
  readonly sender: object
  readonly app: object
  /** Those of the program, which stand before the command. */
  readonly options: Readonly<Record<string, unknown>>
}

/** See the module's description; Celery's names in camelCase. */
export interface WorkerSignals {
  /** First of all: options and settings can still be changed, before the receiver's first `await`. */
  readonly celerydInit: Signal<WorkerBegins>
  /** The worker is set up and has not started; its queues can be changed. */
  readonly celerydAfterSetup: Signal<WorkerSetup>
  /** Before the worker starts. */
  readonly workerInit: Signal<ServiceEvent>
  /** Tasks can come. */
  readonly workerReady: Signal<ServiceEvent>
  readonly workerShuttingDown: Signal<WorkerShuttingDown>
  /** The worker has stopped. */
  readonly workerShutdown: Signal<ServiceEvent>
  /** In the worker, before its pool starts a process or thread. */
  readonly workerBeforeCreateProcess: Signal<ServiceEvent>
  /** In each process or thread that runs tasks, before the first. */
  readonly workerProcessInit: Signal<PoolProcessEvent>
  /** In each process or thread that runs tasks, after the last. */
  readonly workerProcessShutdown: Signal<PoolProcessShutdown>
  readonly taskReceived: Signal<TaskReceived>
  readonly taskRevoked: Signal<TaskRevoked>
  readonly taskRejected: Signal<TaskRejected>
  readonly taskUnknown: Signal<TaskUnknown>
  readonly heartbeatSent: Signal<ServiceEvent>
  /** Whoever is connected sets logging up (`app.log.logger`); Celeriac does not. */
  readonly setupLogging: Signal<SetupLogging>
  readonly afterSetupLogger: Signal<LoggerReady>
  readonly afterSetupTaskLogger: Signal<LoggerReady>
  readonly beatInit: Signal<ServiceEvent>
  /** The beat runs inside a worker. */
  readonly beatEmbeddedInit: Signal<ServiceEvent>
  readonly userPreloadOptions: Signal<UserPreloadOptions>
}

/** These signals, with nobody connected. */
export function createWorkerSignals(logger: Logger): WorkerSignals {
  return {
    celerydInit: new Signal('celeryd_init', logger),
    celerydAfterSetup: new Signal('celeryd_after_setup', logger),
    workerInit: new Signal('worker_init', logger),
    workerReady: new Signal('worker_ready', logger),
    workerShuttingDown: new Signal('worker_shutting_down', logger),
    workerShutdown: new Signal('worker_shutdown', logger),
    workerBeforeCreateProcess: new Signal('worker_before_create_process', logger),
    workerProcessInit: new Signal('worker_process_init', logger),
    workerProcessShutdown: new Signal('worker_process_shutdown', logger),
    taskReceived: new Signal('task_received', logger),
    taskRevoked: new Signal('task_revoked', logger),
    taskRejected: new Signal('task_rejected', logger),
    taskUnknown: new Signal('task_unknown', logger),
    heartbeatSent: new Signal('heartbeat_sent', logger),
    setupLogging: new Signal('setup_logging', logger),
    afterSetupLogger: new Signal('after_setup_logger', logger),
    afterSetupTaskLogger: new Signal('after_setup_task_logger', logger),
    beatInit: new Signal('beat_init', logger),
    beatEmbeddedInit: new Signal('beat_embedded_init', logger),
    userPreloadOptions: new Signal('user_preload_options', logger),
  }
}
