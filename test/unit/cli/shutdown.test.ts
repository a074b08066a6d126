import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { ShutdownOptions } from '../../../src/cli/shutdown.ts'
import { Shutdown } from '../../../src/cli/shutdown.ts'

interface Scene {
  readonly shutdown: Shutdown
  /** What happened, in order: `stop warm`, `exit 1`. */
  readonly deeds: string[]
  readonly said: string[]
}

function scene(options: Partial<ShutdownOptions> = {}): Scene {
  const deeds: string[] = []
  const said: string[] = []
  const shutdown = new Shutdown({
    stop: (mode) => deeds.push(`stop ${mode}`),
    activeTasks: () => 1,
    softTimeout: 0,
    softOnIdle: false,
    termIsQuit: false,
    say: (text) => said.push(text),
    log: (text) => said.push(text),
    exit: (code) => deeds.push(`exit ${code}`),
    ...options,
  })
  return { shutdown, deeds, said }
}

function timers(t: TestContext): (milliseconds: number) => void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return (milliseconds) => t.mock.timers.tick(milliseconds)
}

test('TERM stops warmly with exit code 0, however often it comes [6-081, 6-088, 12-013]', () => {
  const { shutdown, deeds, said } = scene()
  assert.equal(shutdown.exitCode, undefined)
  shutdown.handle('SIGTERM')
  shutdown.handle('SIGTERM')
  assert.deepEqual(deeds, ['stop warm'])
  assert.equal(shutdown.exitCode, 0)
  assert.equal(said[0], 'worker: Warm shutdown (MainProcess)')
})

test('INT stops warmly with exit code 1 and a hint; again, it is cold [6-082, 12-012]', () => {
  const { shutdown, deeds, said } = scene()
  shutdown.handle('SIGINT')
  assert.deepEqual(deeds, ['stop warm'])
  assert.equal(shutdown.exitCode, 1)
  assert.match(
    said[0] ?? '',
    /Hitting Ctrl\+C again will initiate cold shutdown, terminating all running tasks!/,
  )
  shutdown.handle('SIGINT')
  assert.deepEqual(deeds, ['stop warm', 'stop cold'])
})

test('INT after TERM warns first [6-082]', () => {
  const { shutdown, deeds } = scene()
  shutdown.handle('SIGTERM')
  shutdown.handle('SIGINT')
  assert.deepEqual(deeds, ['stop warm'])
  shutdown.handle('SIGINT')
  assert.deepEqual(deeds, ['stop warm', 'stop cold'])
  assert.equal(shutdown.exitCode, 1)
})

test('QUIT stops coldly with exit code 1, from anywhere [6-083, 6-088]', () => {
  const running = scene()
  running.shutdown.handle('SIGQUIT')
  assert.deepEqual(running.deeds, ['stop cold'])
  assert.equal(running.shutdown.exitCode, 1)
  assert.equal(running.said[0], 'worker: Cold shutdown (MainProcess)')
  const warm = scene()
  warm.shutdown.handle('SIGTERM')
  warm.shutdown.handle('SIGQUIT')
  assert.deepEqual(warm.deeds, ['stop warm', 'stop cold'])
})

test('TERM can be made to mean QUIT [6-084, 6-069, 11-024]', () => {
  const { shutdown, deeds } = scene({ termIsQuit: true })
  shutdown.handle('SIGTERM')
  assert.deepEqual(deeds, ['stop cold'])
  assert.equal(shutdown.exitCode, 1)
})

test('during a cold stop a signal is heard once more, then the process ends [6-090]', () => {
  const { shutdown, deeds, said } = scene()
  shutdown.handle('SIGQUIT')
  shutdown.handle('SIGINT')
  assert.deepEqual(deeds, ['stop cold'])
  assert.match(said.at(-1) ?? '', /Waiting gracefully for cold shutdown to complete/)
  shutdown.handle('SIGINT')
  assert.deepEqual(deeds, ['stop cold', 'exit 1'])
})

test('a soft stop gives running tasks their time [6-091, 1-169, 11-024]', (t) => {
  const tick = timers(t)
  const { shutdown, deeds, said } = scene({ softTimeout: 5000 })
  shutdown.handle('SIGQUIT')
  assert.deepEqual(deeds, ['stop warm'])
  assert.match(said.at(-1) ?? '', /Initiating Soft Shutdown, terminating in 5 seconds/)
  tick(4999)
  assert.deepEqual(deeds, ['stop warm'])
  tick(1)
  assert.deepEqual(deeds, ['stop warm', 'stop cold'])
})

test('a signal during a soft stop makes it cold at once; a stop that is done forgets the rest [6-091]', (t) => {
  const tick = timers(t)
  const hurried = scene({ softTimeout: 5000 })
  hurried.shutdown.handle('SIGQUIT')
  hurried.shutdown.handle('SIGINT')
  assert.deepEqual(hurried.deeds, ['stop warm', 'stop cold'])
  tick(5000)
  assert.deepEqual(hurried.deeds, ['stop warm', 'stop cold'])
  const done = scene({ softTimeout: 5000 })
  done.shutdown.handle('SIGQUIT')
  done.shutdown.finish()
  tick(5000)
  assert.deepEqual(done.deeds, ['stop warm'])
})

test('a soft stop is skipped when nothing runs, unless it is wanted even then [6-091, 1-170]', (t) => {
  timers(t)
  const idle = scene({ softTimeout: 5000, activeTasks: () => 0 })
  idle.shutdown.handle('SIGQUIT')
  assert.deepEqual(idle.deeds, ['stop cold'])
  const wanted = scene({ softTimeout: 5000, activeTasks: () => 0, softOnIdle: true })
  wanted.shutdown.handle('SIGQUIT')
  assert.deepEqual(wanted.deeds, ['stop warm'])
})
