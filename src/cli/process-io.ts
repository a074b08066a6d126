import { createInterface } from 'node:readline/promises'
import { writeDirectly } from '../app/output-redirect.ts'
import type { CliIo } from './cli-context.ts'
import { EXIT } from './exit-code.ts'

/**
 * The streams, the environment and the terminal of this process.
 *
 * Until it is disposed of, a stream that cannot be written to (`celery report | head -1`, a disk that is full) ends the
 * process with 1, as in Celery without a stack; unless `outliveOutput` was called: then it goes on and is not heard.
 */
export function processIo(): CliIo & Disposable {
  const streams = [process.stdout, process.stderr]
  let goesOn = false
  const lost = (error: NodeJS.ErrnoException): void => {
    if (goesOn) return
    if (error.code !== 'EPIPE')
      process.stderr.write(`celery: the output cannot be written: ${error.message}\n`)
    process.exit(EXIT.failure)
  }
  for (const stream of streams) stream.on('error', lost)
  return {
    out: (text) => writeDirectly(process.stdout, text),
    err: (text) => writeDirectly(process.stderr, text),
    environment: process.env,
    outIsTerminal: process.stdout.isTTY ?? false,
    errIsTerminal: process.stderr.isTTY ?? false,
    ask,
    outliveOutput: () => {
      goesOn = true
    },
    [Symbol.dispose]: () => {
      for (const stream of streams) stream.off('error', lost)
    },
  }
}

async function ask(question: string): Promise<string | undefined> {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  // The end of the input is an answer, too: nobody's.
  const ended = new Promise<undefined>((resolve) => terminal.once('close', () => resolve(undefined)))
  try {
    return await Promise.race([terminal.question(question), ended])
  } finally {
    terminal.close()
  }
}
