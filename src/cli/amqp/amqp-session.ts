import { BrokerConnection } from '../../messaging/connection.ts'
import type { Channel } from '../../messaging/transport.ts'
import { closest } from '../../util/text.ts'
import { sanitizeUrl } from '../../util/url.ts'
import type { CliContext } from '../cli-context.ts'
import { splitWords } from '../shell-words.ts'
import type { AmqpVerb } from './amqp-verbs.ts'
import { AMQP_VERBS, AmqpArguments, AmqpUsageError, usageOf } from './amqp-verbs.ts'

/** A channel of a broker that is commanded by hand; a command that fails costs the channel, and there is a new one. */
export class AmqpSession implements AsyncDisposable {
  readonly #context: CliContext
  readonly #broker: BrokerConnection
  readonly #url: string
  #channel: Channel | undefined

  private constructor(context: CliContext, broker: BrokerConnection, url: string) {
    this.#context = context
    this.#broker = broker
    this.#url = url
  }

  /** Whether there is a channel to command. */
  get connected(): boolean {
    return this.#channel !== undefined
  }

  /** Connects to the broker of the app; says so if that fails. */
  static async open(context: CliContext): Promise<AmqpSession> {
    const { app } = await context.loadApp()
    const candidates = app.brokers('write')
    const resolve = app.resolveTransport.bind(app)
    const broker = new BrokerConnection({ candidates, resolve, logger: app.logger })
    const session = new AmqpSession(context, broker, sanitizeUrl(candidates[0]?.url ?? ''))
    await session.#connect()
    return session
  }

  /** Runs a line as it was typed. Answers whether it did what it should, or `undefined` when it says goodbye. */
  async type(line: string): Promise<boolean | undefined> {
    let words: string[]
    try {
      words = splitWords(line)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return this.#fail(error)
    }
    const [name, ...rest] = words
    if (name === undefined) return true
    if (/^:?(?:q|quit|exit)$/.test(name)) return undefined
    if (/^:?(?:help|h|\?)$/.test(name)) return this.#help()
    const verb = AMQP_VERBS.find((each) => each.name === name)
    if (verb !== undefined) return await this.run(verb, rest)
    const similar =
      closest(
        name,
        AMQP_VERBS.map((each) => each.name),
      ) ?? 'help'
    return this.#fail(new AmqpUsageError(`There is no command '${name}'; try ${similar}`))
  }

  /** Runs a command; answers whether it did what it should. */
  async run(verb: AmqpVerb, words: readonly string[]): Promise<boolean> {
    try {
      const given = new AmqpArguments(verb, words)
      if (this.#channel === undefined && !(await this.#connect())) return false
      if (this.#channel === undefined) return false
      const answer = await verb.run(this.#channel, given)
      if (answer !== undefined) this.#context.echo(this.#context.style(['cyan', 'bold'], answer))
      this.#context.echo(this.#context.style(['green', 'bold'], 'OK'))
      return true
    } catch (error) {
      if (!(error instanceof AmqpUsageError)) await this.#giveUpChannel()
      return this.#fail(error)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker.close()
  }

  #help(): boolean {
    for (const verb of AMQP_VERBS) this.#context.echo(`${usageOf(verb).padEnd(64)} ${verb.help}`)
    this.#context.echo(`${'exit'.padEnd(64)} Leave.`)
    return true
  }

  /** The next command gets another one. */
  async #giveUpChannel(): Promise<void> {
    const channel = this.#channel
    this.#channel = undefined
    await channel?.close().catch((error: unknown) => this.#fail(error))
  }

  async #connect(): Promise<boolean> {
    this.#context.echo(`-> connecting to ${this.#url}.`)
    try {
      this.#channel = await this.#broker.openChannel({ retry: false })
    } catch (error) {
      return this.#fail(error)
    }
    this.#context.echo(this.#context.style(['green', 'bold'], '-> connected.'))
    return true
  }

  #fail(error: unknown): false {
    const text = error instanceof Error ? error.message : String(error)
    this.#context.io.err(`ERROR: ${text}\n`)
    return false
  }
}
