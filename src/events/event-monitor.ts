/** The screen of `celery events`: tasks and workers as they are, and a few things to do with them. */
import { styleText } from 'node:util'
import { EXCEPTION_STATES, FAILURE, RECEIVED, REVOKED, STARTED, SUCCESS } from '../protocol/states.ts'
import { repr } from '../util/repr.ts'
import type { State } from './state.ts'
import type { TaskRecord } from './task-record.ts'

type Style = Parameters<typeof styleText>[0]

/** What the monitor tells workers; each settles with what they answer. */
export interface MonitorControl {
  revoke(id: string): Promise<readonly unknown[]>
  rateLimit(task: string, rate: string): Promise<readonly unknown[]>
}

/** What an `EventMonitor` works with. */
export interface EventMonitorOptions {
  readonly state: State
  readonly title: string
  readonly control: MonitorControl
}

/** What is on the screen. */
type Page =
  /** All tasks. */
  | { readonly kind: 'tasks' }
  /** Something to read; any key leads back. */
  | { readonly kind: 'text'; readonly title: string; readonly lines: readonly string[] }
  /** A rate limit for tasks of that name is being typed. */
  | { readonly kind: 'prompt'; readonly task: string; readonly typed: string }

const STATE_WIDTH = 8
const TIME_WIDTH = 8
const UUID_WIDTH = 36
const KEYS = 'j:down k:up i:info a:args r:result t:traceback c:revoke l:rate limit q:quit'
/** Lines above and below the tasks. */
const FRAME = 8

const COLORS: ReadonlyMap<string, Style> = new Map<string, Style>([
  [SUCCESS, 'green'],
  [FAILURE, 'red'],
  [REVOKED, 'magenta'],
  [STARTED, 'yellow'],
  [RECEIVED, 'cyan'],
])

/**
 * See the module's description. It knows no terminal: it is told keys, and says what the screen looks like.
 * Celery: `CursesMonitor`.
 */
export class EventMonitor {
  readonly #options: EventMonitorOptions
  #page: Page = { kind: 'tasks' }
  #selected: string | undefined
  /** Ids of the tasks on the screen, from top to bottom. */
  #shown: readonly string[] = []
  #closed = false

  constructor(options: EventMonitorOptions) {
    this.#options = options
  }

  /** Its user wants to leave. */
  get closed(): boolean {
    return this.#closed
  }

  /** Id of the task that the keys are about. */
  get selected(): string | undefined {
    return this.#selected
  }

  /** @param key a letter, `up`, `down`, `enter`, `escape`, `backspace`. */
  press(key: string): void {
    const page = this.#page
    if (page.kind === 'prompt') this.#type(page, key)
    else if (page.kind === 'text') this.#page = { kind: 'tasks' }
    else this.#command(key)
  }

  /** What the screen shows. */
  lines(columns: number, rows: number): readonly string[] {
    const page = this.#page
    if (page.kind === 'text') return textPage(page.title, page.lines, columns, rows)
    return this.#taskPage(columns, rows, page.kind === 'prompt' ? page : undefined)
  }

  #command(key: string): void {
    const letter = key.toLowerCase()
    if (letter === 'j' || letter === 'down') this.#move(1)
    else if (letter === 'k' || letter === 'up') this.#move(-1)
    else if (letter === 'q' || letter === 'escape') this.#closed = true
    else {
      const task = this.#selected === undefined ? undefined : this.#options.state.getTask(this.#selected)
      if (task !== undefined) this.#commandFor(task, letter)
    }
  }

  #commandFor(task: TaskRecord, letter: string): void {
    const { uuid, name, args = '', kwargs = '', result, exception, traceback = '' } = task
    if (letter === 'i' || letter === 'enter') this.#read(`Task details for ${uuid}`, details(task))
    else if (letter === 'a') {
      this.#read(`Task Arguments for ${uuid}`, [`args: ${args}`, `kwargs: ${kwargs}`])
    } else if (letter === 'r') {
      this.#read(`Task Result for ${uuid}`, (result ?? exception ?? '').split('\n'))
    } else if (letter === 't' && EXCEPTION_STATES.has(task.state)) {
      this.#read(`Task Exception Traceback for ${uuid}`, traceback.split('\n'))
    } else if (letter === 'c') this.#ask(this.#options.control.revoke(uuid))
    else if (letter === 'l' && name !== undefined) this.#page = { kind: 'prompt', task: name, typed: '' }
  }

  #type(page: Page & { kind: 'prompt' }, key: string): void {
    const { task, typed } = page
    if (key === 'escape') this.#page = { kind: 'tasks' }
    else if (key === 'backspace') this.#page = { ...page, typed: typed.slice(0, -1) }
    else if (key !== 'enter') this.#page = key.length === 1 ? { ...page, typed: typed + key } : page
    else {
      this.#page = { kind: 'tasks' }
      if (typed.trim() !== '') this.#ask(this.#options.control.rateLimit(task, typed.trim()))
    }
  }

  #move(by: number): void {
    if (this.#shown.length === 0) return
    const at = this.#selected === undefined ? -1 : this.#shown.indexOf(this.#selected)
    this.#selected = this.#shown[at + by] ?? this.#shown[0]
  }

  #read(title: string, lines: readonly string[]): void {
    this.#page = { kind: 'text', title, lines }
  }

  #ask(asked: Promise<readonly unknown[]>): void {
    const title = 'Remote Control Command Replies'
    asked.then(
      (replies) => {
        const lines = replies.map((reply) => repr(reply))
        this.#read(title, lines.length > 0 ? lines : ['No replies received in 1s deadline.'])
      },
      (error: unknown) => this.#read(title, [String(error)]),
    )
  }

  #taskPage(columns: number, rows: number, prompt: { readonly typed: string } | undefined): string[] {
    const { state, title } = this.#options
    const limit = Math.max(0, rows - FRAME)
    const tasks = [...state.tasksByTime({ limit: limit * 4 })].slice(0, limit)
    this.#shown = tasks.map(({ uuid }) => uuid)
    const alive = state.aliveWorkers()
    const names = alive.map(({ hostname }) => hostname).sort()
    const online = names.length === 0 ? 'No workers discovered.' : `Workers online: ${names.join(', ')}`
    const counts = `events: ${state.eventCount} tasks:${state.taskCount} workers:${alive.length}/${state.workers.size}`
    return [
      style('dim', cut(title, columns)),
      '',
      style(['bold', 'underline'], row(columns, ['UUID', 'WORKER', 'TASK', 'TIME', 'STATE'])),
      ...tasks.map((task) => this.#taskRow(task, columns)),
      ...Array.from({ length: limit - tasks.length }, () => ''),
      '─'.repeat(columns),
      cut(prompt === undefined ? this.#selection() : `New rate limit: ${prompt.typed}_`, columns),
      cut(online, columns),
      cut(`Info: ${counts}`, columns),
      style('bold', cut(`Keys: ${KEYS}`, columns)),
    ]
  }

  #taskRow(task: TaskRecord, columns: number): string {
    const time = new Date((task.timestamp ?? 0) * 1000).toISOString().slice(11, 19)
    const cells = [task.uuid, task.worker?.hostname ?? '*NONE*', task.name ?? '', time, task.state]
    const text = row(columns, cells)
    if (task.uuid === this.#selected) return style('inverse', text)
    const color = COLORS.get(task.state)
    return color === undefined ? text : text.slice(0, -STATE_WIDTH) + style(color, text.slice(-STATE_WIDTH))
  }

  #selection(): string {
    if (this.#selected === undefined) return 'No task selected'
    const task = this.#options.state.getTask(this.#selected)
    if (task === undefined) return 'Selected: Missing extended info'
    const info = Object.entries(task.info()).map(([name, value]) => `${name}=${shown(value)}`)
    return `Selected: ${info.join(' ')}`
  }
}

function details(task: TaskRecord): string[] {
  return Object.entries(task.info(undefined, ['state'])).map(([name, value]) => `${name}: ${shown(value)}`)
}

function textPage(title: string, lines: readonly string[], columns: number, rows: number): string[] {
  const width = Math.max(1, columns - 4)
  const wrapped = lines.flatMap((line) => wrap(visible(line), width)).map((line) => `   ${line}`)
  const room = Math.max(1, rows - 4)
  const fitting = wrapped.length > room ? [...wrapped.slice(0, room - 1), '   [...]'] : wrapped
  return [
    '',
    `   ${style(['bold', 'underline'], cut(title, width))}`,
    '',
    ...fitting,
    ...Array.from({ length: room - fitting.length }, () => ''),
    style('bold', 'Press any key to continue...'),
  ]
}

/** Cells as wide as there is room. */
function row(columns: number, cells: readonly string[]): string {
  const rest = Math.max(0, columns - TIME_WIDTH - STATE_WIDTH - 4)
  const uuid = Math.min(UUID_WIDTH, Math.max(8, rest - 40))
  const worker = Math.max(0, Math.floor((rest - uuid) / 2))
  const widths = [uuid, worker, Math.max(0, rest - uuid - worker), TIME_WIDTH, STATE_WIDTH]
  return cells.map((cell, index) => cut(cell, widths[index] ?? 0).padEnd(widths[index] ?? 0)).join(' ')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (let from = 0; from === 0 || from < text.length; from += width)
    lines.push(text.slice(from, from + width))
  return lines
}

function cut(text: string, width: number): string {
  const clean = visible(text)
  return clean.length > width ? `${clean.slice(0, Math.max(0, width - 1))}…` : clean
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : repr(value)
}

/** What a task is called by somebody must not steer the terminal. */
function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '·')
}

function style(format: Style, text: string): string {
  return styleText(format, text, { validateStream: false })
}
