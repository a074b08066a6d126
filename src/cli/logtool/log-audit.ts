/** What becomes of tasks according to the log of a worker, line by line. Celery: `Audit`. */

/** Told of lines as they are read. */
export interface LogListeners {
  /** Lines that belong to no entry of their own: the rest of a stack. */
  readonly onTrace?: (text: string) => void
  /** The line of a task that failed. */
  readonly onError?: (line: string) => void
  /** An entry that is about no task. */
  readonly onOther?: (line: string) => void
}

/** `[2030-01-02 03:04:05,678: INFO/MainProcess] text` */
const ENTRY = /^\[\d{4}-\d\d-\d\d [^\]]*\] (.*)$/
/** `Task name[id] outcome`; before Celery 5 `Received task: name[id]`. */
const TASK = /^Task ([^\s[\]]+)\[([^\]]+)\] (.*)$/
const RECEIVED_BEFORE_5 = /^Received task: ([^\s[\]]+)\[([^\]]+)\]/
/** Says that a task has ended well. */
const SUCCESS = /^(?:succeeded in |ignored\b)/
/** Says that it goes on, or is to begin. */
const UNDER_WAY = /^(?:received|accepted|retry:)/

/** See the module's description. */
export class LogAudit {
  readonly #listeners: LogListeners
  readonly #received = new Set<string>()
  readonly #ended = new Set<string>()
  readonly #failed = new Set<string>()
  readonly #types = new Map<string, number>()
  #previous: string | undefined

  constructor(listeners: LogListeners = {}) {
    this.#listeners = listeners
  }

  feed(line: string): void {
    const text = ENTRY.exec(line)?.[1]
    if (text === undefined) {
      if (line !== '')
        this.#listeners.onTrace?.(this.#previous === undefined ? line : `${this.#previous}\n${line}`)
      this.#previous = undefined
      return
    }
    this.#previous = line
    const [, name, id, what = ''] = RECEIVED_BEFORE_5.exec(text) ?? TASK.exec(text) ?? []
    if (name === undefined || id === undefined) this.#listeners.onOther?.(line)
    else if (UNDER_WAY.test(what) || text.startsWith('Received task')) this.#begin(name, id)
    else this.#end(id, SUCCESS.test(what), line)
  }

  /** Ids of tasks that were received and did not end. */
  incomplete(): ReadonlySet<string> {
    return this.#received.difference(this.#ended)
  }

  /** Numbers of tasks. */
  report(): string {
    const failed = this.#failed.size
    const completed = this.#ended.size
    const types = [...this.#types].toSorted(([, one], [, other]) => other - one)
    return [
      '\nReport\n======',
      `Task total: ${this.#received.size}`,
      `Task errors: ${failed}`,
      `Task success: ${completed - failed}`,
      `Task completed: ${completed}`,
      'Tasks\n=====',
      ...types.map(([name, count]) => `${name}: ${count}`),
      '',
    ].join('\n')
  }

  #begin(name: string, id: string): void {
    // A retry has the same id, and is the same task.
    if (!this.#received.has(id)) this.#types.set(name, (this.#types.get(name) ?? 0) + 1)
    this.#received.add(id)
  }

  #end(id: string, succeeded: boolean, line: string): void {
    this.#ended.add(id)
    if (succeeded) {
      this.#failed.delete(id)
      return
    }
    this.#failed.add(id)
    this.#listeners.onError?.(line)
  }
}
