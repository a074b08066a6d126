import { ConnectionError } from '../../../src/errors.ts'
import type {
  Channel,
  Transport,
  TransportConnection,
  TransportFeatures,
  TransportOptions,
} from '../../../src/messaging/transport.ts'
import { Deferred } from '../../../src/util/deferred.ts'
import type { HandedOver } from './recording-channel.ts'
import { RecordingChannel } from './recording-channel.ts'

const FEATURES: TransportFeatures = {
  exchangeTypes: new Set(['direct']),
  priorities: { levels: 0, lowFirst: false },
  persistent: false,
  redeliversOnDisconnect: true,
  mandatory: true,
  shared: true,
  messageTtl: false,
}

/** Brokers that are up or down as the test says, for tests of when and how often somebody connects. */
export class ScriptedBrokers {
  /** Hosts that cannot be reached, or not for the error given. */
  readonly down = new Map<string, Error>()
  /** Hosts in the order in which they were tried. */
  readonly tried: string[] = []
  readonly connections: ScriptedConnection[] = []
  /** How messages are answered; undefined: not at all, the test does it. */
  answer: ((handed: HandedOver) => void) | undefined
  /** Connecting waits for it, if it is there. */
  gate: Deferred | undefined

  readonly resolve = async (): Promise<Transport> => ({
    name: 'scripted',
    features: FEATURES,
    connect: (options) => this.#connect(options),
  })

  refuse(...hosts: readonly string[]): void {
    for (const host of hosts) this.down.set(host, new ConnectionError(`${host} is down`))
  }

  /** The connection that was made last. */
  get latest(): ScriptedConnection {
    const latest = this.connections.at(-1)
    if (latest === undefined) throw new Error('nobody has connected')
    return latest
  }

  async #connect(options: TransportOptions): Promise<TransportConnection> {
    const host = new URL(options.url).hostname
    this.tried.push(host)
    await this.gate?.promise
    const error = this.down.get(host)
    if (error !== undefined) throw error
    const connection = new ScriptedConnection(options, (handed) => this.answer?.(handed))
    this.connections.push(connection)
    return connection
  }
}

export class ScriptedConnection implements TransportConnection {
  readonly features: TransportFeatures = FEATURES
  readonly options: TransportOptions
  readonly channels: RecordingChannel[] = []
  readonly #ended = new Deferred<Error | undefined>()
  readonly closed: Promise<Error | undefined> = this.#ended.promise

  readonly #answer: (handed: HandedOver) => void

  constructor(options: TransportOptions, answer: (handed: HandedOver) => void) {
    this.options = options
    this.#answer = answer
  }

  /** The channel that was opened last. */
  get channel(): RecordingChannel {
    const channel = this.channels.at(-1)
    if (channel === undefined) throw new Error('nobody has opened a channel')
    return channel
  }

  async openChannel(): Promise<Channel> {
    const channel = new RecordingChannel()
    channel.answer = this.#answer
    this.channels.push(channel)
    return channel
  }

  /** The connection breaks. */
  lose(reason: Error = new ConnectionError('the connection was reset')): void {
    this.#ended.resolve(reason)
    for (const channel of this.channels) channel.lose(reason)
  }

  async close(): Promise<void> {
    this.#ended.resolve(undefined)
    for (const channel of this.channels) channel.lose(new ConnectionError('the connection is closed'))
  }
}

/** Candidates at these hosts. */
export function candidates(...hosts: readonly string[]): TransportOptions[] {
  return hosts.map((host) => ({
    url: `amqp://user:secret@${host}//`,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'unit',
  }))
}
