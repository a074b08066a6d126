import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { BackendGetMetaError, ChordError, OperationalError } from '../../../src/errors.ts'
import { Tracer } from '../../../src/execution/tracer.ts'
import { JobContext } from '../../../src/pool/job-context.ts'
import { resultTuple } from '../../../src/protocol/result-tuple.ts'
import type { TaskCallData } from '../../../src/protocol/task-message.ts'
import { jobOf, RecordingHost, signature } from './recording-host.ts'

const never = new JobContext()
const boom = { exc_type: 'Error', exc_message: ['boom'], exc_module: 'javascript' }
const chordError = {
  exc_type: 'ChordError',
  exc_message: ["Dependency b raised Error('boom')"],
  exc_module: 'celery.exceptions',
}

/** Runs the members of a header of two, `a` and `b`; `b` may fail. */
async function header(
  host: RecordingHost,
  body: NonNullable<TaskCallData['chord']>,
  { fails = false, group = 'g' }: { readonly fails?: boolean; readonly group?: string } = {},
): Promise<void> {
  if (!host.tasks.has('member')) {
    host.task('member', (value: unknown) => {
      if (value === 'boom') throw new Error('boom')
      return value
    })
  }
  await host.backend.chords.setSize(group, 2, { expires: undefined })
  const tracer = new Tracer(host.execution())
  const call = { groupId: group, chord: body }
  await tracer.run(jobOf('member', [fails ? 'boom' : 20], { id: 'b', groupIndex: 1, ...call }), never)
  await tracer.run(jobOf('member', [10], { id: 'a', groupIndex: 0, ...call }), never)
}

function stored(host: RecordingHost, id: string): unknown {
  const meta = host.backend.metas.get(id)
  return meta === undefined ? undefined : [meta.status, meta.result]
}

suite('the body of a chord', () => {
  test('gets the results in order of the header when the last part is there', async () => {
    const host = new RecordingHost()
    await header(host, signature('body', { args: [1], options: { task_id: 'body' } }))
    assert.deepEqual(
      host.sent.map(({ id, name, args }) => [id, name, args]),
      [['body', 'body', [[10, 20], 1]]],
    )
    // It follows the last member, as in Celery.
    assert.equal(host.sent[0]?.options['parent_id'], 'a')
    assert.deepEqual(host.journal.at(-1), ['chord forgotten', 'g'])
  })

  test('of a header with groups in it gets lists within the list', async () => {
    const host = new RecordingHost()
    const inner = resultTuple('inner', null, [resultTuple('b')])
    await host.results.saveGroup('g', resultTuple('g', null, [resultTuple('a'), inner]))
    await header(host, signature('body'))
    assert.deepEqual(host.sent[0]?.args, [[10, [20]]])
  })

  test('is not counted twice for a member that runs twice', async () => {
    const host = new RecordingHost()
    const body = signature('body')
    await header(host, body)
    await host.backend.chords.setSize('g', 3, { expires: undefined })
    const tracer = new Tracer(host.execution())
    for (const id of ['c', 'c', 'd']) {
      await tracer.run(jobOf('member', [1], { id, groupId: 'g', chord: body }), never)
    }
    assert.equal(host.sent.length, 1)
  })

  test('is sent when the worker that was to send it has died and the last part comes again', async () => {
    const host = new RecordingHost()
    host.task('member', (value: unknown) => value)
    const { chords } = host.backend
    const part = (id: string, index: number) => ({ id, index, state: 'SUCCESS', result: index })
    const size = { expires: undefined, size: undefined }
    await chords.setSize('g', 2, size)
    await chords.add('g', part('a', 0), size)
    assert.equal((await chords.add('g', part('b', 1), size)).complete, true)
    // Here it died.
    const tracer = new Tracer(host.execution())
    const again = (id: string, groupIndex: number) =>
      tracer.run(
        jobOf('member', [groupIndex], { id, groupIndex, groupId: 'g', chord: signature('body') }),
        never,
      )
    await again('a', 0)
    assert.deepEqual(host.sent, [])
    await again('b', 1)
    assert.deepEqual(
      host.sent.map(({ name, args }) => [name, args]),
      [['body', [[0, 1]]]],
    )
    assert.deepEqual(await chords.collect('g'), [])
  })

  test('nothing is counted without a result backend', async () => {
    const host = new RecordingHost({ backend: false })
    await header(host, signature('body'))
    assert.deepEqual(host.sent, [])
    assert.deepEqual(host.errors, [])
  })
})

suite('a chord of which a member failed', () => {
  test('fails its body and calls its errbacks once, with the id of the body [3-107 3-109 3-113 3-115]', async () => {
    const host = new RecordingHost()
    const errback = signature('errback')
    const body = signature('body', { options: { task_id: 'body', link_error: [errback] } })
    await header(host, body, { fails: true })
    assert.deepEqual(stored(host, 'a'), ['SUCCESS', 10])
    assert.deepEqual(stored(host, 'b'), ['FAILURE', boom])
    assert.deepEqual(stored(host, 'body'), ['FAILURE', chordError])
    assert.deepEqual(
      host.sent.map(({ name, args }) => [name, args]),
      [['errback', ['body']]],
    )
    assert.match(String(host.errors[0]), /Chord 'g' raised: Dependency b raised Error\('boom'\)/)
  })

  test('fails and calls its errbacks once, although JSON of JavaScript cannot hold their arguments', async () => {
    const host = new RecordingHost()
    const errback = signature('errback', { args: [2n ** 70n] })
    await header(host, signature('body', { options: { task_id: 'body', link_error: [errback, errback] } }), {
      fails: true,
    })
    assert.deepEqual(stored(host, 'body'), ['FAILURE', chordError])
    assert.deepEqual(
      host.sent.map(({ name, args }) => [name, args]),
      [['errback', ['body', 2n ** 70n]]],
    )
  })

  test('fails all of a chain [3-116]', async () => {
    const host = new RecordingHost()
    const [first, last] = ['first', 'last'].map((id) =>
      signature('t', { options: { task_id: id, link_error: [signature(`errback of ${id}`)] } }),
    )
    const options = { task_id: 'last', link_error: [signature('errback of chain')] }
    const body = signature('celery.chain', { type: 'chain', kwargs: { tasks: [first, last] }, options })
    await header(host, body, { fails: true })
    assert.deepEqual(stored(host, 'first'), ['FAILURE', chordError])
    assert.deepEqual(stored(host, 'last'), ['FAILURE', chordError])
    assert.deepEqual(
      host.sent.map(({ name, args }) => [name, args]),
      [
        ['errback of chain', ['last']],
        ['errback of first', ['last']],
      ],
    )
  })

  test('fails each member of a group with the original error [3-108 12-020]', async () => {
    const host = new RecordingHost()
    const errback = signature('errback')
    const tasks = ['x', 'y'].map((id) => signature('t', { options: { task_id: id, link_error: [errback] } }))
    const options = { task_id: 'gid', link_error: [errback] }
    await header(host, signature('celery.group', { type: 'group', kwargs: { tasks }, options }), {
      fails: true,
    })
    for (const id of ['x', 'y', 'gid']) assert.deepEqual(stored(host, id), ['FAILURE', boom])
    assert.deepEqual(
      host.sent.map(({ name, args }) => [name, args]),
      [
        ['errback', ['x']],
        ['errback', ['y']],
      ],
    )
  })

  test('fails the chord around it', async () => {
    const host = new RecordingHost()
    const outer = signature('outer', { options: { task_id: 'outer' } })
    await host.backend.chords.setSize('outer group', 1, { expires: undefined })
    const options = { task_id: 'inner', group_id: 'outer group', group_index: 0, chord: outer }
    await header(host, signature('inner', { options }), { fails: true })
    assert.deepEqual(stored(host, 'inner'), ['FAILURE', chordError])
    assert.deepEqual(stored(host, 'outer')?.toString().startsWith('FAILURE'), true)
    const { exc_message: message } = Object(host.backend.metas.get('outer')?.result)
    assert.match(String(message), /^Dependency inner raised ChordError\(/)
  })

  test('whose body cannot be sent [3-110]', async () => {
    const host = new RecordingHost()
    host.unreachable = new OperationalError('down')
    await header(host, signature('body', { options: { task_id: 'body' } }))
    const { exc_type: type, exc_message: message } = Object(host.backend.metas.get('body')?.result)
    assert.equal(type, 'ChordError')
    assert.deepEqual(message, ["Callback error: OperationalError('down')"])
  })

  test('whose parts cannot be read, and leave nothing behind [3-111, 3-117]', async () => {
    const host = new RecordingHost()
    host.backend.unreadable = new BackendGetMetaError('gone')
    await header(host, signature('body', { options: { task_id: 'body' } }))
    const { exc_message: message } = Object(host.backend.metas.get('body')?.result)
    assert.deepEqual(message, ["Join error: BackendGetMetaError('gone')"])
    assert.ok(host.journal.some(([what, group]) => what === 'chord forgotten' && group === 'g'))
  })
})

suite('the rest of a chain whose task failed', () => {
  test('fails with its error, and so do the chords it belongs to', async () => {
    const host = new RecordingHost()
    const body = signature('body', { options: { task_id: 'body' } })
    await host.backend.chords.setSize('g', 1, { expires: undefined })
    host.task('t', () => Promise.reject(new Error('boom')))
    const last = signature('t', { options: { task_id: 'last', group_id: 'g', group_index: 0, chord: body } })
    const middle = signature('t', { options: { task_id: 'middle' } })
    await new Tracer(host.execution()).run(jobOf('t', [], { chain: [last, middle] }), never)
    for (const id of ['id', 'middle', 'last']) assert.deepEqual(stored(host, id), ['FAILURE', boom])
    const { exc_message: message } = Object(host.backend.metas.get('body')?.result)
    assert.deepEqual(message, ["Dependency last raised Error('boom')"])
    assert.deepEqual(host.sent, [])
  })
})

suite('errbacks [12-019]', () => {
  async function failing(host: RecordingHost, call: Partial<TaskCallData>): Promise<void> {
    host.task('t', () => Promise.reject(new Error('boom')))
    await new Tracer(host.execution()).run(jobOf('t', [1], call), never)
  }

  test('that are tasks of this process with room for it get request, error and traceback', async () => {
    const host = new RecordingHost()
    const calls: unknown[][] = []
    const errback = (request: unknown, error: unknown, traceback: unknown, own: unknown): void => {
      calls.push([request, error, traceback, own])
    }
    host.task('new', errback)
    await failing(host, { errbacks: [signature('new', { args: ['own'] })] })
    const [[request, error, traceback, own] = []] = calls
    assert.deepEqual(Object(request).args, [1])
    assert.equal(Object(request).id, 'id')
    assert.equal(Object(error).message, 'boom')
    assert.match(String(traceback), /^Traceback/)
    assert.equal(own, 'own')
    assert.deepEqual(host.sent, [])
  })

  test('all others are sent as one group, with the id [5-018]', async () => {
    const host = new RecordingHost()
    host.task('old', (id: string) => id)
    host.task('bound', (_self: unknown, _request: unknown, _error: unknown) => undefined, { bind: true })
    const errbacks = ['old', 'bound', 'elsewhere'].map((name) => signature(name))
    errbacks.push(signature('old', { args: ['x'], immutable: true }))
    await failing(host, { rootId: 'root', errbacks })
    assert.deepEqual(
      host.sent.map(({ name, args, options }) => [name, args, options['group_index']]),
      [
        ['old', ['id'], 0],
        ['bound', ['id'], 1],
        ['elsewhere', ['id'], 2],
        ['old', ['x'], 3],
      ],
    )
    assert.equal(host.sent[0]?.options['parent_id'], 'id')
    assert.equal(host.sent[0]?.options['root_id'], 'root')
  })

  test('one that fails keeps none of the others', async () => {
    const host = new RecordingHost()
    host.task('bad', (_request: unknown, _error: unknown) => {
      throw new Error('in the errback')
    })
    await failing(host, { errbacks: [signature('bad'), signature('elsewhere')] })
    assert.equal(host.sent.length, 1)
    assert.match(String(host.errors), /Errback bad of task id failed/)
  })
})

test('the error that a chord hands on has its cause', async () => {
  const host = new RecordingHost()
  let error: unknown
  host.task('errback', (_request: unknown, given: unknown) => {
    error = given
  })
  const options = { task_id: 'body', link_error: [signature('errback')] }
  await header(host, signature('body', { options }), { fails: true })
  assert.ok(error instanceof ChordError)
  assert.ok(error.cause instanceof Error)
  assert.equal(error.cause.message, 'boom')
})
