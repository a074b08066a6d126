/** The whole terminal as a screen that is drawn again and again, and its keys. */

/** What is shown. */
export interface ScreenView {
  /** Lines of the screen, each at most as wide as it; styles do not count. */
  lines(columns: number, rows: number): readonly string[]
  /** A key: a letter, `up`, `down`, `enter`, `escape`, `backspace`. */
  press(key: string): void
  /** Whoever looks at it has had enough. */
  readonly closed: boolean
}

/** Milliseconds between two pictures while nobody presses a key. */
const REFRESH = 500
const ESCAPE = '\x1b'
/** The screen beside the one with the scroll back, and no cursor. */
const ENTER = `${ESCAPE}[?1049h${ESCAPE}[?25l`
const LEAVE = `${ESCAPE}[?25h${ESCAPE}[?1049l`
const HOME = `${ESCAPE}[H`
const CLEAR_LINE = `${ESCAPE}[K`
const CLEAR_BELOW = `${ESCAPE}[J`

const KEYS: ReadonlyMap<string, string> = new Map([
  [`${ESCAPE}[A`, 'up'],
  [`${ESCAPE}OA`, 'up'],
  [`${ESCAPE}[B`, 'down'],
  [`${ESCAPE}OB`, 'down'],
  ['\r', 'enter'],
  ['\n', 'enter'],
  [ESCAPE, 'escape'],
  ['\x7f', 'backspace'],
  ['\b', 'backspace'],
])

/** Shows a view until it is closed, Ctrl-C is pressed or the signal fires; the terminal is then as it was. */
export async function showOnScreen(view: ScreenView, signal: AbortSignal): Promise<void> {
  const { stdin, stdout } = process
  const over = Promise.withResolvers<void>()
  const draw = (): void => {
    const { columns = 80, rows = 24 } = stdout
    const lines = view.lines(columns, rows).slice(0, rows)
    stdout.write(`${HOME}${lines.map((line) => `${line}${CLEAR_LINE}`).join('\r\n')}${CLEAR_BELOW}`)
  }
  const onData = (data: Buffer | string): void => {
    for (const key of keysOf(String(data))) {
      if (key === '\x03') over.resolve()
      else view.press(key)
    }
    if (view.closed) over.resolve()
    else draw()
  }
  const abort = (): void => over.resolve()
  const restore = (): void => {
    stdin.setRawMode(false)
    stdout.write(LEAVE)
  }
  signal.addEventListener('abort', abort, { once: true })
  // However the process ends, the terminal is not left in this state.
  process.once('exit', restore)
  stdout.write(ENTER)
  stdin.setRawMode(true)
  stdin.on('data', onData).resume()
  stdout.on('resize', draw)
  const timer = setInterval(draw, REFRESH)
  draw()
  try {
    await over.promise
  } finally {
    clearInterval(timer)
    stdin.off('data', onData).pause()
    stdout.off('resize', draw)
    signal.removeEventListener('abort', abort)
    process.off('exit', restore)
    restore()
  }
}

/** What was typed, key by key. */
function keysOf(data: string): string[] {
  const known = KEYS.get(data)
  if (known !== undefined) return [known]
  if (data.startsWith(ESCAPE)) return []
  return [...data].map((character) => KEYS.get(character) ?? character)
}
