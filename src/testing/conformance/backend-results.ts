import assert from 'node:assert/strict'
import { BackendError } from '../../errors.ts'
import { uuid } from '../../util/uuid.ts'
import type { BackendSubject, BackendTest } from './backend-session.ts'
import { KEEP, resultMeta, until } from './backend-session.ts'

/** Results and groups: what was saved is loaded, by anybody, until it is forgotten or too old. */
export function exerciseBackendResults(subject: BackendSubject, check: BackendTest): void {
  exerciseDocuments(check)
  exerciseOverwriting(check)
  exerciseAmounts(subject, check)
  exerciseForgetting(subject, check)
  if (subject.features.groups) exerciseGroups(check)
  exerciseEnd(check)
}

function exerciseDocuments(check: BackendTest): void {
  const values: readonly (readonly [string, unknown])[] = [
    ['null', null],
    ['a number', 0.1],
    ['a boolean', false],
    ['an empty text', ''],
    ['text of every script', 'snö ☃ 日本語 😀 \u0000 "\\'],
    ['collections', [1, [2, { three: [null, {}, []] }]]],
  ]
  for (const [what, result] of values) {
    // A task returns anything.
    check(`a result that is ${what}`, async (session) => {
      const meta = resultMeta({ result })
      await (await session.backend()).save(meta, KEEP)
      assert.deepEqual(await (await session.backend()).load([meta.task_id]), session.kept([meta]))
    })
  }

  // A failure carries what its exception is made of.
  check('a failure with exception, traceback and children [4-039]', async (session) => {
    const backend = await session.backend()
    const meta = resultMeta({
      status: 'FAILURE',
      result: { exc_type: 'KeyError', exc_message: ['missing', { key: 1 }], exc_module: 'builtins' },
      traceback: 'Traceback (most recent call last):\n  …\nKeyError: missing',
      children: [[['child', null], null]],
    })
    await backend.save(meta, KEEP)
    assert.deepEqual(await backend.load([meta.task_id]), session.kept([meta]))
  })

  // Extended results have more fields, and stamps have names of their own.
  check('extended fields and stamps stay [4-036] [4-037]', async (session) => {
    const backend = await session.backend()
    const meta = resultMeta({
      group_id: 'group',
      parent_id: 'parent',
      name: 'tasks.add',
      args: [1, 2],
      kwargs: { x: 1 },
      worker: 'worker@host',
      retries: 2,
      queue: 'celery',
      stamped_headers: ['monitoring_id'],
      monitoring_id: ['a', 'b'],
    })
    await backend.save(meta, KEEP)
    assert.deepEqual(await backend.load([meta.task_id]), session.kept([meta]))
  })

  // Asking for a task that nobody has heard of is how every wait begins.
  check('unknown ids are undefined, in their place', async (session) => {
    const backend = await session.backend()
    const [one, two] = [resultMeta({ result: 1 }), resultMeta({ result: 2 })]
    await Promise.all([backend.save(one, KEEP), backend.save(two, KEEP)])
    const loaded = await backend.load([uuid(), two.task_id, uuid(), one.task_id])
    assert.deepEqual(loaded, session.kept([undefined, two, undefined, one]))
    assert.deepEqual(await backend.load([]), [])
  })
}

function exerciseOverwriting(check: BackendTest): void {
  // A task goes through several states under one id.
  check('a later state replaces the earlier one', async (session) => {
    const backend = await session.backend()
    const { task_id } = resultMeta()
    for (const status of ['STARTED', 'RETRY', 'PROGRESS', 'FAILURE', 'STARTED', 'SUCCESS']) {
      const meta = resultMeta({ task_id, status, result: status })
      await backend.save(meta, KEEP)
      assert.deepEqual(await backend.load([task_id]), session.kept([meta]))
    }
  })

  // A worker that was thought lost must not undo what was done.
  check('nothing replaces a success [4-050]', async (session) => {
    const backend = await session.backend()
    const success = resultMeta({ result: 'first' })
    await backend.save(success, KEEP)
    for (const status of ['FAILURE', 'STARTED', 'SUCCESS']) {
      await (await session.backend()).save(resultMeta({ ...success, status, result: 'later' }), KEEP)
    }
    assert.deepEqual(await backend.load([success.task_id]), session.kept([success]))
  })

  // A short task is started and done in one turn of the event loop.
  check('states saved in one turn keep their order', async (session) => {
    const backend = await session.backend()
    const { task_id } = resultMeta()
    const statuses = ['STARTED', 'RETRY', 'SUCCESS', 'FAILURE']
    await Promise.all(
      statuses.map((status) => backend.save(resultMeta({ task_id, status, result: status }), KEEP)),
    )
    assert.equal((await backend.load([task_id]))[0]?.result, 'SUCCESS')
  })
}

function exerciseAmounts(
  { manyResults = 1000, largestResult = 1024 * 1024 }: BackendSubject,
  check: BackendTest,
): void {
  // A group may have many members.
  check(`${manyResults} results, saved and loaded at once`, async (session) => {
    const backend = await session.backend()
    const metas = Array.from({ length: manyResults }, (_, index) => resultMeta({ result: index }))
    await Promise.all(metas.map((meta) => backend.save(meta, KEEP)))
    assert.deepEqual(
      await (await session.backend()).load(metas.map(({ task_id }) => task_id)),
      session.kept(metas),
    )
  })

  // A result may be large.
  check(`a result of ${largestResult} characters`, async (session) => {
    const backend = await session.backend()
    const meta = resultMeta({ result: 'x'.repeat(largestResult) })
    await backend.save(meta, KEEP)
    assert.deepEqual(await backend.load([meta.task_id]), session.kept([meta]))
  })
}

function exerciseForgetting({ features }: BackendSubject, check: BackendTest): void {
  // `result.forget()` frees the room.
  check('forgotten results are gone, others stay', async (session) => {
    const backend = await session.backend()
    const [one, two, kept] = [resultMeta(), resultMeta(), resultMeta()]
    await Promise.all([one, two, kept].map((meta) => backend.save(meta, KEEP)))
    await backend.forget([one.task_id, two.task_id, uuid()])
    const loaded = await backend.load([one.task_id, two.task_id, kept.task_id])
    assert.deepEqual(loaded, session.kept([undefined, undefined, kept]))
  })

  // A task that is run again under its old id after its result was forgotten.
  check('after forgetting a success anything may be saved', async (session) => {
    const backend = await session.backend()
    const meta = resultMeta()
    await backend.save(meta, KEEP)
    await backend.forget([meta.task_id])
    const again = resultMeta({ ...meta, status: 'FAILURE' })
    await backend.save(again, KEEP)
    assert.deepEqual(await backend.load([meta.task_id]), session.kept([again]))
  })

  if (features.autoExpire) {
    // Results nobody fetched must not pile up.
    check('results expire [4-062]', async (session) => {
      const backend = await session.backend()
      const [short, long, endless] = [resultMeta(), resultMeta(), resultMeta()]
      await backend.save(endless, KEEP)
      await backend.save(long, { expires: 3_600_000, replyTo: undefined })
      await backend.save(short, { expires: 5, replyTo: undefined })
      await until(async () => (await backend.load([short.task_id]))[0] === undefined)
      assert.deepEqual(await backend.load([long.task_id, endless.task_id]), session.kept([long, endless]))
    })
  }

  // Beat cleans up every night.
  check('cleaning up leaves what has not expired [4-061]', async (session) => {
    const backend = await session.backend()
    const meta = resultMeta()
    await backend.save(meta, { expires: 3_600_000, replyTo: undefined })
    await backend.cleanup?.()
    assert.deepEqual(await backend.load([meta.task_id]), session.kept([meta]))
  })
}

function exerciseGroups(check: BackendTest): void {
  // A group's id is enough to find its results again.
  check('groups are saved, loaded and forgotten [4-051]', async (session) => {
    const backend = await session.backend()
    const id = uuid()
    const group = [
      [id, null],
      [
        [[uuid(), null], null],
        [[uuid(), [[uuid(), null], null]], null],
      ],
    ]
    assert.equal(await backend.groups?.load(id), undefined)
    await backend.groups?.save(id, group, KEEP)
    assert.deepEqual(await (await session.backend()).groups?.load(id), group)
    await backend.groups?.forget(id)
    assert.equal(await backend.groups?.load(id), undefined)
  })
}

function exerciseEnd(check: BackendTest): void {
  // What was saved last is saved.
  check('closing settles what is being written', async (session) => {
    const backend = await session.backend()
    const metas = Array.from({ length: 50 }, () => resultMeta())
    const saved = Promise.all(metas.map((meta) => backend.save(meta, KEEP)))
    await backend.close()
    await saved
    assert.deepEqual(
      await (await session.backend()).load(metas.map(({ task_id }) => task_id)),
      session.kept(metas),
    )
  })

  // Nobody must believe that a result was stored.
  check('closing is idempotent, and afterwards calls reject', async (session) => {
    const backend = await session.backend()
    await Promise.all([backend.close(), backend.close()])
    await backend.close()
    await assert.rejects(backend.save(resultMeta(), KEEP), BackendError)
    await assert.rejects(backend.load([uuid()]), BackendError)
  })
}
