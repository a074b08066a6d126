/** Warnings of Node and of libraries (`process.emitWarning`), as lines of the log. Python: `logging.captureWarnings`. */
import type { Logger } from '../util/logger.ts'

type Listener = (warning: Error & { readonly code?: string }) => void

/** What Node prints warnings with, while logs take them instead. */
let printing: Listener | undefined
/** Logs that take them. */
const taking = new Set<Listener>()

/**
 * Logs warnings from now on, instead of Node's own lines on standard error, until the function that it gives is called.
 * Those that Node was told not to print (`--no-warnings`, `--disable-warning`) are not logged either.
 */
export function captureWarnings(logger: Logger): () => void {
  // Node's is a listener like any other.
  printing ??= process.listeners('warning').find(({ name }) => name === 'onWarning')
  if (printing === undefined) return () => {}
  const listener: Listener = ({ name, code, message }) => {
    if (!isDisabled(name) && !(code !== undefined && isDisabled(code))) logger.warn(`${name}: ${message}`)
  }
  process.off('warning', printing)
  process.on('warning', listener)
  taking.add(listener)
  return () => {
    process.off('warning', listener)
    if (!taking.delete(listener) || taking.size > 0 || printing === undefined) return
    process.on('warning', printing)
    printing = undefined
  }
}

function isDisabled(nameOrCode: string): boolean {
  const options = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(' ')]
  return options.includes(`--disable-warning=${nameOrCode}`)
}
