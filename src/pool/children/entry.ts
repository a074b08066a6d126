import { fileURLToPath } from 'node:url'

/** What child processes and threads run: sources are `.ts`, the package is `.js`. */
export const ENTRIES: { readonly process: string; readonly thread: string } = {
  process: entry('../prefork/child-main'),
  thread: entry('../threads/thread-main'),
}

function entry(name: string): string {
  return fileURLToPath(new URL(name + (import.meta.url.endsWith('.ts') ? '.ts' : '.js'), import.meta.url))
}

/** Whether this process or thread is a child of a pool itself. */
export function isPoolChild(): boolean {
  return process.argv[1] === ENTRIES.process || process.argv[1] === ENTRIES.thread
}
