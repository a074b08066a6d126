import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Blueprint } from '../../../src/bootsteps/blueprint.ts'
import { bootGraph, bootNodes } from '../../../src/bootsteps/boot-graph.ts'
import type { Bootstep, RunningStep } from '../../../src/bootsteps/bootstep.ts'
import { ImproperlyConfigured } from '../../../src/errors.ts'
import { StreamLogger, silentLogger } from '../../../src/util/logger.ts'

/** What the steps of these tests write down what happens in. */
type Diary = string[]

function step(name: string, parts: Partial<Bootstep<Diary>> & { readonly running?: RunningStep } = {}) {
  const { running, ...rest } = parts
  return {
    name,
    start: (diary: Diary): RunningStep => {
      diary.push(`start ${name}`)
      return { stop: () => void diary.push(`stop ${name}`), ...running }
    },
    ...rest,
  }
}

function blueprint(steps: Iterable<Bootstep<Diary>>, given?: readonly string[]): Blueprint<Diary> {
  const options = { name: 'Test', steps, logger: silentLogger }
  return new Blueprint(given === undefined ? options : { ...options, given })
}

test('steps start after those that they require and stop in reverse; the whole can start again [7-011]', async () => {
  const diary: Diary = []
  const whole = blueprint([step('c', { requires: ['b'] }), step('b', { requires: ['a'] }), step('a')])
  for (let i = 0; i < 2; i += 1) {
    diary.length = 0
    assert.equal(whole.state, 'initializing')
    await whole.start(diary)
    assert.equal(whole.state, 'running')
    await whole.stop()
    assert.deepEqual(diary, ['start a', 'start b', 'start c', 'stop c', 'stop b', 'stop a'])
  }
})

test('what is required may be built in, or a step that comes along; long names are their ends [7-010]', async () => {
  const diary: Diary = []
  const brought = step('brought')
  const whole = blueprint([step('own', { requires: ['celery.worker.components:Pool', brought] })], ['Pool'])
  await whole.start(diary)
  assert.deepEqual(diary, ['start brought', 'start own'])
})

test('what cannot be put in order is told [7-011]', () => {
  const circle = [
    step('a', { requires: ['b'] }),
    step('b', { requires: ['c'] }),
    step('c', { requires: ['b'] }),
  ]
  assert.throws(
    () => blueprint(circle),
    (error) => {
      assert.ok(error instanceof ImproperlyConfigured)
      assert.equal(error.message, 'Bootsteps require each other in a circle: b → c → b')
      return true
    },
  )
  assert.throws(
    () => blueprint([step('a', { requires: ['Pol'] })], ['Pool']),
    /The bootstep 'a' requires 'Pol', which is not there \(did you mean "Pool"\?\)/,
  )
  assert.throws(() => blueprint([step('a'), step('x:a')]), /Two bootsteps are called 'a'/)
})

test('a step that cannot start takes those before it down [7-011]', async () => {
  const diary: Diary = []
  const broken = step('broken', { start: () => Promise.reject(new Error('no luck')) })
  const whole = blueprint([step('a'), broken, step('c')])
  await assert.rejects(whole.start(diary), /no luck/)
  assert.deepEqual(diary, ['start a', 'stop a'])
  assert.equal(whole.state, 'initializing')
})

test('a step that is not wanted, or the stop of one that fails, does not disturb the others [7-010]', async () => {
  const diary: Diary = []
  const lines: string[] = []
  const logger = new StreamLogger('t', {
    write: (text) => lines.push(text.trimEnd()),
    format: (record) => record.message,
  })
  const failing = step('failing', { running: { stop: () => Promise.reject(new Error('stuck')) } })
  const steps = [step('a'), step('unwanted', { include: () => false }), failing]
  const whole = new Blueprint({ name: 'Test', steps, logger })
  await whole.start(diary)
  await whole.stop()
  assert.deepEqual(diary, ['start a', 'start failing', 'stop a'])
  assert.deepEqual(lines, ['Error on stopping failing'])
})

test('by force, steps are terminated if they can be; what they say of themselves is merged [7-010, 7-011]', async () => {
  const diary: Diary = []
  const a = step('a', {
    running: { terminate: () => void diary.push('terminate a'), info: () => ({ a: 1 }) },
  })
  const b = step('b', { running: { info: () => ({ b: 2 }) } })
  const whole = blueprint([a, b])
  await whole.start(diary)
  assert.deepEqual(whole.info(), { a: 1, b: 2 })
  await whole.stop({ terminate: true })
  assert.deepEqual(diary, ['start a', 'start b', 'stop b', 'terminate a'])
  assert.deepEqual(whole.info(), {})
})

test('a stop during the start ends what had begun, and the rest does not start [7-011]', async () => {
  const diary: Diary = []
  const begun = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const slow = step('slow', {
    start: async (parent) => {
      begun.resolve()
      await gate.promise
      return { stop: () => void parent.push('stop slow') }
    },
  })
  const whole = blueprint([step('a'), slow, step('c')])
  const starting = whole.start(diary)
  await begun.promise
  await whole.stop()
  gate.resolve()
  await starting
  assert.deepEqual(diary, ['start a', 'stop a', 'stop slow'])
})

test('steps can be drawn [6-035]', () => {
  const builtIn = [
    { name: 'Pool', requires: [] },
    { name: 'Consumer', requires: [], last: true },
  ]
  assert.deepEqual(bootGraph(bootNodes(builtIn, [step('mine', { requires: ['x.y:Pool'] })])).split('\n'), [
    'digraph bootsteps {',
    '    node [shape="box", style="filled", fillcolor="white"];',
    '    "Pool";',
    '    "Consumer" [shape="parallelogram", fillcolor="slategray3"];',
    '    "mine";',
    '    "Consumer" -> "Pool" [arrowhead="none"];',
    '    "Consumer" -> "mine" [arrowhead="none"];',
    '    "mine" -> "Pool";',
    '}',
    '',
  ])
})
