import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runProgram } from '../../../src/cli/program.ts'
import { createTestApp } from '../../../src/testing/test-app.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { testIo } from './fake-app.ts'

interface Run {
  readonly code: number
  readonly told: Readonly<Record<string, unknown>>[]
  readonly text: string
}

/** Runs a command with an app that adds options; its workers stop as soon as they are ready. */
async function run(argv: readonly string[], environment: Record<string, string> = {}): Promise<Run> {
  const app = createTestApp()
  app.userOptions.preload.push({ flags: '-Z, --template <file>', help: 'a template', default: 'none' })
  app.userOptions.worker.push({
    flags: '--colour <name>',
    help: 'of the worker',
    choices: ['red', 'blue'],
    group: 'Looks:',
  })
  const told: Readonly<Record<string, unknown>>[] = []
  app.signals.userPreloadOptions.connect(({ options }) => void told.push(options))
  app.signals.workerReady.connect(({ sender }) => {
    if (sender instanceof Worker) void sender.stop()
  })
  const io = testIo(environment)
  const code = await runProgram(argv, io, { app, reference: '' })
  return { code, told, text: io.output() + io.errors() }
}

const WORKER = ['-q', 'worker', '-P', 'solo', '-n', 'w@here']

test('an app adds options to every command, and to workers [6-012 2-016]', async () => {
  const { code, told } = await run([...WORKER, '-Z', 'page.html', '--colour', 'red'])
  assert.equal(code, 0)
  assert.equal(told.length, 1)
  assert.equal(told[0]?.['template'], 'page.html')
  assert.equal(told[0]?.['colour'], 'red')
  const plain = await run(['call', 'tasks.add'])
  assert.equal(plain.told[0]?.['template'], 'none')
})

test('options of an app are in the help, in the environment, and checked [6-012 2-016 6-011]', async () => {
  const { text } = await run(['worker', '--help'])
  assert.match(text, /User options:\n {2}-Z, --template <file> +a template/)
  assert.match(text, /Looks:\n {2}--colour <name> +of the worker \(choices: "red", "blue"\)/)
  assert.doesNotMatch((await run(['beat', '--help'])).text, /colour/)
  const set = await run(WORKER, { CELERY_WORKER_TEMPLATE: 'other.html' })
  assert.equal(set.told[0]?.['template'], 'other.html')
  assert.equal((await run([...WORKER, '--colour', 'green'])).code, 2)
})

test('an option that is there already is refused by its name [6-012]', async () => {
  const app = createTestApp()
  app.userOptions.worker.push({ flags: '--pool <x>', help: 'another pool' })
  const io = testIo()
  assert.equal(await runProgram(WORKER, io, { app, reference: '' }), 2)
  assert.match(io.errors(), /The app's option --pool <x> can't be added to celery worker/)
})

test('the help is there even if the app is not [6-012]', async () => {
  const io = testIo()
  assert.equal(await runProgram(['-A', '/no/such', 'worker', '--help'], io), 0)
  assert.match(io.output(), /^Usage: celery worker/)
})

test('C_FAKEFORK keeps in the foreground what is told to detach [6-068]', async () => {
  const io = testIo({ C_FAKEFORK: '1' })
  const app = createTestApp()
  let ready = 0
  app.signals.workerReady.connect(({ sender }) => {
    ready = process.pid
    if (sender instanceof Worker) void sender.stop()
  })
  assert.equal(await runProgram([...WORKER, '--detach'], io, { app, reference: '' }), 0)
  assert.equal(ready, process.pid)
})
