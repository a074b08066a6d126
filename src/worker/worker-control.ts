import type { Delivery } from '../messaging/message.ts'
import type { Logger } from '../util/logger.ts'
import type { CommandState, ControlHooks } from './commands/command-state.ts'
import { Mingle } from './remote-control/mingle.ts'
import { Pidbox } from './remote-control/pidbox.ts'
import { runCommand } from './remote-control/run-command.ts'
import type { Session } from './session.ts'
import { StateDb } from './state-db.ts'

/** Everything by which a worker is controlled from outside, and remembers it: mailbox, mingle, state file. */
export class WorkerControl {
  /** Parts of the worker that commands may act on. */
  readonly hooks: ControlHooks = {}
  readonly #decode: (delivery: Delivery) => unknown
  readonly #logger: Logger
  #stateDb: StateDb | undefined
  #pidbox: Pidbox | undefined
  #mingle: Mingle | undefined

  /** @param decode decodes bodies by their content type. Throws `SerializationError`. */
  constructor(decode: (delivery: Delivery) => unknown, logger: Logger) {
    this.#decode = decode
    this.#logger = logger
  }

  /**
   * Reads the state file and makes what the options want.
   * @throws ImproperlyConfigured when the file is not ours.
   */
  start(state: CommandState): void {
    const { hostname, options, revokes, services } = state
    const logger = this.#logger
    if (options.statedb !== undefined) {
      this.#stateDb = new StateDb({ path: options.statedb, revokes, clock: services.clock, logger })
      this.#stateDb.load()
    }
    const common = { hostname, services, decode: this.#decode, logger }
    if (options.remoteControl) {
      this.#pidbox = new Pidbox({ ...common, run: (request) => runCommand(request, state) })
    }
    if (options.mingle) {
      const revoked = (ids: readonly string[]): void => {
        for (const id of ids) for (const request of state.state.find(id)) request.revoke(undefined)
      }
      this.#mingle = new Mingle({ ...common, revokes, revoked })
    }
  }

  /** A new connection. */
  attach(session: Session): void {
    if (!session.connection.features.exchangeTypes.has('fanout')) {
      if (this.#pidbox !== undefined) {
        this.#logger.warn('Remote control is off: this broker has no fanout exchanges')
      }
      return
    }
    this.#pidbox?.attach(session)
    this.#mingle?.attach(session)
  }

  /** Settles when commands can come, or cannot for now. */
  get ready(): Promise<void> {
    return this.#pidbox?.ready ?? Promise.resolve()
  }

  /** Nothing is asked any more, and no mailbox opened; writes the state file for the last time. */
  async close(): Promise<void> {
    this.#mingle?.close()
    this.#pidbox?.close()
    await this.#stateDb?.close()
  }
}
