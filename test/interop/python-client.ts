import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { CleanupContext } from '../support/cleanup.ts'
import { requirePython } from '../support/python.ts'
import { startProcess } from '../support/spawn.ts'

const DRIVER = fileURLToPath(new URL('fixtures/driver.py', import.meta.url))

/** A Python process with the app of `fixtures/pyapp.py`: a real client of Celery's, told what to do by the test. */
export interface PythonClient {
  /**
   * Runs the body of a Python function that sees the names of `driver.py` and `pyapp.py` and the given values (as
   * JSON carries them); answers what it returns. One at a time.
   *
   * @throws Error with Python's traceback.
   */
  run(snippet: string, given?: Readonly<Record<string, unknown>>): Promise<unknown>
}

/** Starts the process; it ends with the test `t`. */
export async function startPythonClient(
  t: CleanupContext,
  env: Readonly<Record<string, string>>,
): Promise<PythonClient> {
  const { path } = requirePython()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const running = startProcess(path, [DRIVER], {
    t,
    env: { ...env, DRIVER_PORT: String(portOf(server.address())), PYTHONDONTWRITEBYTECODE: '1' },
  })
  const ended = running.exited.then((end): never => {
    throw new Error(`The Python client ended (${end}):\n${running.output()}`)
  })
  ended.catch(() => {
    // Told to whoever waits for an answer; at the end of the test nobody does.
  })
  const [socket]: Socket[] = await Promise.race([once(server, 'connection'), ended]).finally(() =>
    server.close(),
  )
  if (socket === undefined) throw new Error('The Python client has not connected')
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  let last: Promise<unknown> = Promise.resolve()
  const ask = async (request: string): Promise<unknown> => {
    socket.write(request)
    const { value } = await Promise.race([lines.next(), ended])
    const answer: { readonly value?: unknown; readonly error?: string } = JSON.parse(String(value))
    if (answer.error !== undefined) throw new Error(`Python: ${answer.error}`)
    return answer.value
  }
  return {
    run(snippet, given = {}) {
      const answer = last.then(() => ask(`${JSON.stringify({ snippet, given })}\n`))
      last = answer.catch(() => undefined)
      return answer
    },
  }
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new Error('The server has no port')
  return address.port
}
