import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Chain } from '../../../src/canvas/chain.ts'
import { chord } from '../../../src/canvas/chord.ts'
import { chain } from '../../../src/canvas/compose-chain.ts'
import { group } from '../../../src/canvas/group.ts'
import { BackendError, ImproperlyConfigured } from '../../../src/errors.ts'
import type { TaskCall } from '../../../src/task/ports.ts'
import type { AnySignature } from '../../../src/task/signature.ts'
import { sentMessages, withRequest } from '../app/golden-app.ts'
import { createTestApp } from '../app/test-app.ts'

const app = createTestApp()
const add = app.task('t.add', (...numbers: number[]) => numbers.length)
const sum = app.task('t.sum', (numbers: readonly number[]) => numbers.length)

/** Makes so many signatures, and counts those that were asked for. */
function counted(size: number): { readonly items: Iterable<AnySignature>; readonly made: () => number } {
  let made = 0
  const items = (function* () {
    for (let n = 0; n < size; n += 1) {
      made += 1
      yield add.s(n)
    }
  })()
  return { items, made: () => made }
}

suite('members that are made when they are needed', () => {
  test('a group of a generator [3-070 3-081]', async () => {
    const { items, made } = counted(3)
    const lazy = group(items)
    assert.equal(made(), 0)
    const calls: TaskCall[] = []
    app.publish = (call) => Promise.resolve(void calls.push(call))
    const result = await lazy.send([])
    assert.deepEqual([made(), calls.length, result.results.length], [3, 3, 3])
  })

  for (const size of [3, 5, 9]) {
    test(`a chord with a header of a generator: ${size} [3-088 3-170]`, async () => {
      const { items, made } = counted(size)
      const workflow = chord(items, app.signature('t.sum'))
      assert.equal(made(), 0)
      const calls: TaskCall[] = []
      app.publish = (call) => Promise.resolve(void calls.push(call))
      await workflow.send([])
      assert.deepEqual([made(), calls.length], [size, size])
    })
  }
})

suite('large workflows', () => {
  /** The largest message of a workflow’s first calls, in characters. */
  async function largest(make: () => AnySignature): Promise<number> {
    let size = 0
    app.publish = (call) => {
      size = Math.max(size, JSON.stringify([call.args, call.options]).length)
      return Promise.resolve()
    }
    await make().send([])
    return size
  }

  /** Twice as much takes twice as much. */
  async function assertLinear(make: (size: number) => AnySignature, size: number): Promise<void> {
    const [one, two] = [await largest(() => make(size)), await largest(() => make(2 * size))]
    assert.ok(two < 2.2 * one, `${one} and ${two} characters`)
  }

  test('chords after chords grow by what they hold', async () => {
    const pair = (): AnySignature => group([add.s(1), add.s(2)])
    const make = (size: number): AnySignature =>
      new Chain(app, [...Array.from({ length: size }, pair), add.s()])
    await assertLinear(make, 12)
    await assertLinear((size) => chain(Array.from({ length: size }, () => [pair(), add.s()]).flat()), 12)
  })

  test('chains and chords of thousands [3-172]', async () => {
    await assertLinear((size) => chain(Array.from({ length: size }, () => add.s())), 2000)
    await assertLinear(
      (size) =>
        chord(
          Array.from({ length: size }, () => add.s(1)),
          sum.s(),
        ),
      2000,
    )
    const deep = Array.from({ length: 150 }).reduce<AnySignature>(
      (inner) => group([inner, add.s(1)]),
      add.s(1),
    )
    assert.equal(deep.chordSize, 151)
    await largest(() => deep)
  })
})

suite('ids', () => {
  test('a frozen chain has the id of its last call [3-069 3-148]', async () => {
    const workflow = chain(add.s(1), add.s(2), add.s(3))
    const last = workflow.freeze({ id: 'the-last' })
    assert.deepEqual([last.id, workflow.id], ['the-last', 'the-last'])
    const free = chain(add.s(1), add.s(2))
    assert.equal(free.freeze().id, free.members.at(-1)?.id)
  })

  test('a chord that is sent again by a message that came twice has the header it had [3-145]', async () => {
    const workflow = chain([add.s(1), group([add.s(2), add.s(3)]), sum.s()])
    const calls: TaskCall[] = []
    app.publish = (call) => Promise.resolve(void calls.push(call))
    await workflow.send([])
    const [next] = Object(calls[0]?.options['chain'])
    calls.length = 0
    for (let delivery = 0; delivery < 2; delivery += 1) {
      await app.signatureFrom(JSON.parse(JSON.stringify(next))).send([1])
    }
    const groups = calls.map(({ options }) => options['group_id'])
    assert.deepEqual([groups.length, new Set(groups).size], [4, 1])
  })

  test('a group with nothing but a group gives that group’s result [3-080]', async () => {
    app.publish = () => Promise.resolve()
    const { results } = await group(chain([add.s(1), group([add.s(2), add.s(3)])])).delay()
    assert.equal(results.length, 2)
  })

  test('the result of a chord has its header as parent [3-089]', async () => {
    app.publish = () => Promise.resolve()
    const result = await chord([add.s(1), add.s(2)], sum.s()).delay()
    assert.deepEqual(result.parent?.leaves().length, 2)
  })

  test('an empty group at the end of a chain is left out [3-072]', async () => {
    const own = createTestApp()
    const empty = own.signatureFrom({ task: 'celery.group', kwargs: { tasks: [] }, subtask_type: 'group' })
    const workflow = new Chain(own, [own.signature('t.add', { args: [1] }), empty])
    assert.equal(workflow.chordSize, 1)
    const result = await workflow.send([])
    const [message] = await sentMessages(own, ['celery'])
    assert.equal(result.id, message?.headers['id'])
  })
})

suite('chords that cannot be', () => {
  test('with a backend that keeps results for one reader [4-060 4-065 11-040 12-030]', async () => {
    const own = createTestApp({ backend: 'rpc://' })
    const workflow = own.signature('t.body')
    await assert.rejects(
      chord([own.signature('t.a')], workflow).send([]),
      (error) => error instanceof BackendError && /does not support chords/.test(error.message),
    )
    await own.close()
  })

  /** An app whose backend cannot count. */
  async function withoutCounter() {
    const own = createTestApp()
    const backend = await own.results.backend()
    Object.defineProperty(backend, 'chords', { value: undefined })
    return own
  }

  test('where the header is looked at: celery.chord_unlock goes where the body goes [3-092 3-093 4-064 4-065]', async () => {
    const own = await withoutCounter()
    const body = own.signature('t.body').set({ queue: 'bodies', priority: 7 })
    const header = ['a', 'b'].map((name) => own.signature(`t.${name}`))
    await chord(header, body).send([], { interval: 5, max_retries: 7 })
    const [unlock] = await sentMessages(own, ['bodies'])
    assert.equal(unlock?.headers['task'], 'celery.chord_unlock')
    assert.equal(unlock?.properties['priority'], 7)
    const [args, kwargs] = Array.isArray(unlock?.body) ? unlock.body : []
    assert.equal(args[1].task, 't.body')
    assert.deepEqual([kwargs.interval, kwargs.max_retries, kwargs.result.length], [5, 7, 2])
    assert.equal(
      Date.parse(String(unlock?.headers['eta'])) - own.clock.now(),
      1000,
      'it looks for the first time after a second',
    )
  })

  test('where the header is looked at and ignores its results [3-094]', async () => {
    const own = await withoutCounter()
    const ignored = own.task('t.ignored', { ignoreResult: true }, () => 1)
    await assert.rejects(
      chord([ignored.s()], own.signature('t.body')).send([]),
      (error) => error instanceof ImproperlyConfigured && /t\.ignored ignores its result/.test(error.message),
    )
  })

  test('and calls that are no member of any cannot grow one [2-118]', async () => {
    await withRequest(app, add, {}, (self) =>
      assert.rejects(self.addToChord(add.s(1)), /not a member of any chord/),
    )
  })
})

suite('the running call as a signature [2-124]', () => {
  test('has its id, its options and its queue', async () => {
    const own = createTestApp()
    const task = own.task('t.x', (x: number) => x)
    const callback = own.signature('t.next').toJSON()
    const fields = { args: [1], callbacks: [callback], retries: 2, rootId: 'root' }
    const signature = withRequest(own, task, fields, (self) => self.signatureFromRequest({ args: [5] }))
    await signature.send([])
    const [message] = await sentMessages(own, ['celery'])
    assert.deepEqual(
      [message?.headers['id'], message?.headers['retries'], message?.headers['root_id']],
      ['run-id', 2, 'root'],
    )
    const [args, , embed] = Array.isArray(message?.body) ? message.body : []
    assert.deepEqual([args, embed.callbacks[0].task], [[5], 't.next'])
    const elsewhere = withRequest(own, task, fields, (self) =>
      self.signatureFromRequest({ queue: 'other', options: { priority: 3 } }),
    )
    assert.deepEqual([elsewhere.options['queue'], elsewhere.options['priority']], ['other', 3])
  })
})

test('portions may be spread over time [3-078 3-097]', () => {
  const portions = add
    .chunks(
      Array.from({ length: 6 }, (_, n) => [n]),
      2,
    )
    .group()
    .skew({ start: 1, step: 2 })
  assert.deepEqual(
    portions.tasks.map(({ options }) => options['countdown']),
    [1, 3, 5],
  )
  assert.throws(() => add.chunks([], 0), /A chunk has one call or more, not 0/)
})
