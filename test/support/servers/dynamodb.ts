import { fileURLToPath } from 'node:url'
import type { CleanupContext } from '../cleanup.ts'
import { eventually } from '../eventually.ts'
import { freePort } from '../free-port.ts'
import { startProcess } from '../spawn.ts'

const PROGRAM = fileURLToPath(import.meta.resolve('dynalite/cli.js'))

/** Starts an emulator of DynamoDB in memory on a free port of 127.0.0.1; answers with the port. */
export async function startDynamodb(t?: CleanupContext): Promise<number> {
  const port = await freePort()
  const args = [PROGRAM, '--host', '127.0.0.1', '--port', `${port}`, '--createTableMs', '10']
  const server = startProcess(process.execPath, args, { t })
  await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`)).status > 0, {
    message: `dynalite answers on port ${port}`,
  }).catch((error: Error) => {
    throw new Error(`${error.message}\n${server.output()}`, { cause: error })
  })
  return port
}
