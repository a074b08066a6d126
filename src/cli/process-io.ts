import { createInterface } from 'node:readline/promises'
import { writeDirectly } from '../app/output-redirect.ts'
import type { CliIo } from './cli-context.ts'

/** The streams, the environment and the terminal of this process. */
export function processIo(): CliIo {
  return {
    out: (text) => writeDirectly(process.stdout, text),
    err: (text) => writeDirectly(process.stderr, text),
    environment: process.env,
    outIsTerminal: process.stdout.isTTY ?? false,
    errIsTerminal: process.stderr.isTTY ?? false,
    ask,
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
