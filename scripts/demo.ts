/**
 * The demo: two worker processes on the embedded broker, tasks, workflows, a failure and a retry, a clean stop.
 *
 * Run by `npm run demo`, which installs what is missing first.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { add, app, divide, flaky, whoami } from '../examples/tasks.ts'
import { afterAll, inSequence, piped, sideBySide } from '../examples/workflows.ts'
import { group } from '../src/canvas.ts'

const root = join(import.meta.dirname, '..')
const folder = await mkdtemp(join(tmpdir(), 'celeriac-demo-'))
const broker = process.env['CELERY_BROKER_URL'] ?? `sqlite:///${join(folder, 'celery.sqlite3')}`
const backend = process.env['CELERY_RESULT_BACKEND'] ?? broker

app.conf.update({ brokerUrl: broker, resultBackend: backend })

say(`broker   ${broker}`)
say(`results  ${backend}`)
const workers = await Promise.all(['one', 'two'].map(startWorker))
say(`workers  ${workers.map((worker) => `pid ${worker.pid}`).join(', ')}\n`)

let failed = false
try {
  await show('a task', 'add.delay(4, 4)', add.delay(4, 4).get({ timeout: 30 }), 8)
  await show('a chain', 'chain(add.s(4, 4), mul.s(8))', inSequence.delay().get({ timeout: 30 }), 64)
  await show(
    'a group',
    'group(add.s(i, i) for i in 0…9)',
    sideBySide.delay().get({ timeout: 30 }),
    [0, 2, 4, 6, 8, 10, 12, 14, 16, 18],
  )
  await show(
    'a chord',
    'chord([add.s(1, 1), add.s(2, 2)], xsum.s())',
    afterAll.delay().get({ timeout: 30 }),
    6,
  )
  await show('a group into a task', 'group(…).pipe(xsum.s())', piped.delay().get({ timeout: 30 }), 90)
  await show('a retry', 'flaky.delay()', flaky.delay().get({ timeout: 30 }), 'attempt 3 worked')
  await show(
    'a failure',
    'divide.delay(1, 0)',
    divide
      .delay(1, 0)
      .get({ timeout: 30 })
      .catch((error: unknown) => String(error)),
    'RangeError: 1 cannot be divided by zero',
  )
  const pids = await group(Array.from({ length: 50 }, () => whoami.s()))
    .delay()
    .get({ timeout: 30 })
  say(`50 tasks were run by ${new Set(pids).size} processes\n`)
} catch (error) {
  failed = true
  console.error(error)
} finally {
  await app.close()
  const codes = await Promise.all(workers.map(stopWorker))
  say(`workers stopped with exit codes ${codes.join(', ')}`)
  if (codes.some((code) => code !== 0)) failed = true
  await rm(folder, { recursive: true, force: true })
}
process.exitCode = failed ? 1 : 0

async function show(what: string, call: string, value: Promise<unknown>, expected: unknown): Promise<void> {
  const actual = await value
  say(`${what.padEnd(20)} ${call.padEnd(45)} → ${JSON.stringify(actual)}`)
  if (JSON.stringify(actual) !== JSON.stringify(expected)) {
    throw new Error(`${what}: expected ${JSON.stringify(expected)}`)
  }
}

/** Starts `celery worker` and waits until it says that it is ready. */
async function startWorker(name: string): Promise<ChildProcess> {
  const args = ['-A', 'examples/tasks.ts', 'worker', '-l', 'INFO', '-c', '2', '-n', `${name}@%h`]
  const worker = spawn(process.execPath, [join(root, 'src/cli/main.ts'), ...args], {
    cwd: root,
    env: { ...process.env, CELERY_BROKER_URL: broker, CELERY_RESULT_BACKEND: backend },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  const ready = new Promise<void>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString()
      if (output.includes('ready.')) resolve()
    }
    worker.stdout?.on('data', read)
    worker.stderr?.on('data', read)
    worker.once('exit', (code) => reject(new Error(`worker ${name} ended with ${code}:\n${output}`)))
  })
  await ready
  return worker
}

async function stopWorker(worker: ChildProcess): Promise<number | null> {
  if (worker.exitCode !== null) return worker.exitCode
  worker.kill('SIGTERM')
  await once(worker, 'exit')
  return worker.exitCode
}

function say(text: string): void {
  console.log(text)
}
