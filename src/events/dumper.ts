import type { CeleryEvent } from '../protocol/events.ts'
import { LruMap } from '../util/lru-map.ts'
import { repr } from '../util/repr.ts'

/** Tasks whose names are remembered for their later events. */
const MOST_NAMES = 0xfff

const HUMAN_TYPES: ReadonlyMap<string, string> = new Map([
  ['worker-offline', 'shutdown'],
  ['worker-online', 'started'],
  ['worker-heartbeat', 'heartbeat'],
])

/** Writes a line for each event, as `celery events --dump` does. Celery: `Dumper`. */
export class Dumper {
  readonly #say: (line: string) => void
  readonly #tasks = new LruMap<string, string>(MOST_NAMES)

  /** @param say gets each line, without its end. */
  constructor(say: (line: string) => void) {
    this.#say = say
  }

  /** Writes the line of an event. Bound, so that it can be a handler. */
  readonly onEvent = (event: CeleryEvent): void => {
    const { timestamp, type: typeAsSent, hostname, ...fields } = event
    const type = typeAsSent.toLowerCase()
    const task = type.startsWith('task-') ? `${this.#task(type, fields)} ` : ''
    const rest = Object.keys(fields)
      .sort()
      .map((key) => `${key}=${text(fields[key])}`)
      .join(', ')
    const separator = rest === '' ? '' : ':'
    const human = HUMAN_TYPES.get(type) ?? type.replaceAll('-', ' ')
    this.#say(`${text(hostname)} [${pythonTime(timestamp)}] ${human}${separator} ${task}${rest}`)
  }

  /** How a task is called; what the line says by this is taken out of the fields. */
  #task(type: string, fields: Record<string, unknown>): string {
    const uuid = text(fields['uuid'])
    delete fields['uuid']
    if (type !== 'task-received' && type !== 'task-sent') return this.#tasks.get(uuid) ?? ''
    const { name, args, kwargs } = fields
    const task = `${text(name)}(${uuid}) args=${text(args)} kwargs=${text(kwargs)}`
    for (const shown of ['name', 'args', 'kwargs']) delete fields[shown]
    this.#tasks.set(uuid, task)
    return task
  }
}

/** Python's `str`. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : repr(value ?? null)
}

/** `2030-01-02 03:04:05.678000+00:00`, without a fraction when there is none. */
function pythonTime(timestamp: unknown): string {
  if (typeof timestamp !== 'number' || !Number.isFinite(new Date(timestamp * 1000).getTime())) return 'None'
  const total = Math.round(timestamp * 1e6)
  const microseconds = total % 1e6
  const [date = ''] = new Date((total - microseconds) / 1000).toISOString().split('.')
  const fraction = microseconds === 0 ? '' : `.${String(microseconds).padStart(6, '0')}`
  return `${date.replace('T', ' ')}${fraction}+00:00`
}
