import { Celery } from '../../src/index.ts'
import type { OutgoingMessage } from '../../src/messaging/message.ts'
import type { Channel } from '../../src/messaging/transport.ts'
import { silentLogger } from '../../src/util/logger.ts'
import { Worker } from '../../src/worker/worker.ts'
import { eventually } from '../support/eventually.ts'
import type { HostileMessage } from './hostile-messages.ts'
import { GOLDEN_TASKS } from './hostile-messages.ts'

export interface FuzzOptions {
  readonly messages: Iterable<HostileMessage>
  readonly log?: (line: string) => void
}

/** Where the messages ended. Each is in one place; `lost` and `twice` must be empty. */
export interface FuzzReport {
  readonly executed: number
  /** In the dead-letter queue. */
  readonly buried: number
  /** Reasons in the dead-letter queue; of messages that tasks have sent themselves, too. */
  readonly dead: Readonly<Record<string, number>>
  /** Revoked because they had expired. */
  readonly expired: number
  /** Back in their queue when the worker stopped: their ETA is far away. */
  readonly returned: number
  /** What was done to the messages that are nowhere. */
  readonly lost: readonly string[]
  /** What was done to the messages that are in two places. */
  readonly twice: readonly string[]
  /** Rejections and errors that nobody caught, and warnings of Node. */
  readonly faults: readonly string[]
}

const QUEUE = 'celery'
const DEAD = 'celeriac.dead'

/** Messages under way at once, so that memory is bounded. */
const WINDOW = 2000

let runs = 0

/** Milliseconds without progress after which it counts as a hang. */
const PATIENCE = 60_000

/** Sends hostile messages through a real worker (async pool) on `memory://`, and accounts for every one of them. */
export async function fuzzWorker({ messages, log }: FuzzOptions): Promise<FuzzReport> {
  const faults = watchFaults()
  const url = `memory://fuzz-${++runs}`
  const app = createApp(url)
  const ledger = new Ledger()
  app.signals.taskPrerun.connect(({ request }) => ledger.enter('executed', messageIdOf(request.properties)))
  const worker = new Worker(watched(app, ledger), { pool: 'async', concurrency: 50, logger: silentLogger })
  await worker.start()
  const connection = await (await app.resolveTransport(url)).connect({
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'fuzz',
  })
  const channel = await connection.openChannel()
  await channel.declareQueue({
    name: DEAD,
    durable: true,
    exclusive: false,
    autoDelete: false,
    arguments: {},
  })
  const reasons: Record<string, number> = {}
  await channel.consume(
    DEAD,
    ({ properties, headers }) => {
      const reason = reasonOf(headers['celeriac_death'])
      reasons[reason] = (reasons[reason] ?? 0) + 1
      ledger.enter('dead', properties.messageId)
    },
    { noAck: true },
  )
  const isIdle = async (): Promise<boolean> =>
    (await sizeOf(channel, QUEUE)) === 0 &&
    (await sizeOf(channel, DEAD)) === 0 &&
    worker.state.requests.size <= worker.state.held
  for (const { kind, message } of messages) {
    const id = ledger.open(kind)
    await channel.publish(withId(message, id), { exchange: '', routingKey: QUEUE })
    if (ledger.opened % WINDOW === 0) {
      await eventually(isIdle, {
        timeout: PATIENCE,
        every: 5,
        message: `the worker is done with ${ledger.opened} messages`,
      })
      log?.(`${ledger.opened} sent; ${worker.state.held} wait for their time`)
    }
  }
  await eventually(isIdle, { timeout: PATIENCE, every: 5, message: 'the worker is done' })
  await worker.stop()
  for (
    let left = await channel.get(QUEUE, { noAck: true });
    left;
    left = await channel.get(QUEUE, { noAck: true })
  ) {
    ledger.enter('returned', left.properties.messageId)
  }
  await connection.close()
  await app.close()
  return { ...ledger.report(), dead: reasons, faults: faults() }
}

function createApp(url: string): Celery {
  const app = new Celery('fuzz', {
    broker: url,
    backend: 'cache+memory://',
    acceptContent: ['json', 'yaml', 'msgpack'],
    resultExtended: true,
    setAsCurrent: false,
    logger: silentLogger,
  })
  app.task('fuzz.echo', (...args: unknown[]) => args)
  app.task('fuzz.throw', () => {
    throw new Error('thrown')
  })
  app.task('fuzz.strict', { params: ['x', 'y?'] }, (x: unknown, y: unknown = null) => [x, y])
  app.task('fuzz.late', { acksLate: true }, (...args: unknown[]) => args)
  app.task('fuzz.ignored', { ignoreResult: true }, (...args: unknown[]) => args)
  for (const name of GOLDEN_TASKS) app.task(name, async (...args: unknown[]) => args)
  return app
}

/** The app, with an eye on what the worker itself ends. */
function watched(app: Celery, ledger: Ledger): Celery {
  const { recorder } = app
  const watching = {
    fail: recorder.fail.bind(recorder),
    revoke(...[job, error]: Parameters<typeof recorder.revoke>): Promise<void> {
      ledger.enter('expired', job.properties.messageId)
      return recorder.revoke(job, error)
    },
  }
  return new Proxy(app, {
    get(target, name) {
      if (name === 'recorder') return watching
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

type Place = 'executed' | 'dead' | 'expired' | 'returned'

/** Which message ended where. Messages that tasks send themselves have no id of ours and are not in it. */
class Ledger {
  readonly #kinds = new Map<string, string>()
  readonly #places = new Map<string, Set<Place>>()

  get opened(): number {
    return this.#kinds.size
  }

  open(kind: string): string {
    const id = `fuzz-${this.#kinds.size}`
    this.#kinds.set(id, kind)
    return id
  }

  enter(place: Place, id: string | undefined): void {
    if (id === undefined || !this.#kinds.has(id)) return
    const places = this.#places.get(id)
    if (places === undefined) this.#places.set(id, new Set([place]))
    else places.add(place)
  }

  report(): Omit<FuzzReport, 'dead' | 'faults'> {
    const count = (place: Place): number =>
      [...this.#places.values()].filter((places) => places.has(place)).length
    const kindsOf = (wanted: (places: Set<Place> | undefined) => boolean): string[] =>
      [...this.#kinds]
        .filter(([id]) => wanted(this.#places.get(id)))
        .map(([id, kind]) => `${id} ${kind} ${[...(this.#places.get(id) ?? [])].join('+')}`)
    return {
      executed: count('executed'),
      buried: count('dead'),
      expired: count('expired'),
      returned: count('returned'),
      lost: kindsOf((places) => places === undefined),
      twice: kindsOf((places) => (places?.size ?? 0) > 1),
    }
  }
}

/** Collects what Node would only print, or die of, until it is asked. */
function watchFaults(): () => string[] {
  const faults: string[] = []
  const events = ['unhandledRejection', 'uncaughtException', 'warning'] as const
  const listeners = events.map((event) => {
    const listener = (reason: unknown): void => {
      faults.push(`${event}: ${reason instanceof Error ? (reason.stack ?? reason.message) : String(reason)}`)
    }
    process.on(event, listener)
    return [event, listener] as const
  })
  return () => {
    for (const [event, listener] of listeners) process.off(event, listener)
    return faults
  }
}

function withId({ body, headers, properties }: OutgoingMessage, messageId: string): OutgoingMessage {
  return { body, headers, properties: { ...properties, messageId } }
}

function messageIdOf(properties: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const id = properties?.['messageId']
  return typeof id === 'string' ? id : undefined
}

function reasonOf(death: unknown): string {
  return typeof death === 'object' && death !== null && 'reason' in death ? String(death.reason) : 'none'
}

async function sizeOf(channel: Channel, name: string): Promise<number> {
  const queue = { name, durable: true, exclusive: false, autoDelete: false, passive: true, arguments: {} }
  return (await channel.declareQueue(queue)).messages
}
