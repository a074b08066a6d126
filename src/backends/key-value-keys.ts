import { ImproperlyConfigured } from '../errors.ts'

const TASK = 'celery-task-meta-'
const GROUP = 'celery-taskset-meta-'
const CHORD = 'chord-unlock-'
/** Keys that Celery does not know begin so, behind the global prefix. */
const OWN = 'celeriac:chord-'

/** Celery's keys of key/value backends. All methods throw `TypeError` for an empty id, as Celery does `ValueError`. */
export class KeyValueKeys {
  readonly #prefix: string

  /** @param globalPrefix `global_keyprefix`; an underscore is put behind it unless it ends in `: _ - .` */
  constructor(globalPrefix: unknown) {
    if (globalPrefix !== undefined && globalPrefix !== null && typeof globalPrefix !== 'string') {
      throw new ImproperlyConfigured(
        `The transport option global_keyprefix must be a text, not ${JSON.stringify(globalPrefix)}`,
      )
    }
    const prefix = globalPrefix ?? ''
    this.#prefix = prefix === '' || /[:_.-]$/.test(prefix) ? prefix : `${prefix}_`
  }

  task(id: string): string {
    return this.#key(TASK, id, 'task')
  }

  /** The id of the task whose key it is. */
  taskOf(key: string): string | undefined {
    const start = `${this.#prefix}${TASK}`
    return key.startsWith(start) ? key.slice(start.length) : undefined
  }

  /** Whether it is the key of a task, a group or the counter of a chord, as Celery names them. */
  owns(key: string): boolean {
    return [TASK, GROUP, CHORD].some((kind) => key.startsWith(`${this.#prefix}${kind}`))
  }

  group(id: string): string {
    return this.#key(GROUP, id, 'group')
  }

  /** Counts the parts of a chord. */
  chord(groupId: string): string {
    return this.#key(CHORD, groupId, 'group')
  }

  /** The part that was counted as number `slot`. */
  chordPart(groupId: string, slot: number): string {
    return `${this.#key(OWN, groupId, 'group')}.${slot}`
  }

  chordSize(groupId: string): string {
    return `${this.#key(OWN, groupId, 'group')}.size`
  }

  /** Counts the parts that were added to the chord after it was sent. */
  chordGrowth(groupId: string): string {
    return `${this.#key(OWN, groupId, 'group')}.added`
  }

  /** Counts those who found the chord complete: the first one it is. */
  chordDone(groupId: string): string {
    return `${this.#key(OWN, groupId, 'group')}.done`
  }

  #key(kind: string, id: string, what: string): string {
    if (id === '') throw new TypeError(`The id of a ${what} must not be empty`)
    return `${this.#prefix}${kind}${id}`
  }
}
