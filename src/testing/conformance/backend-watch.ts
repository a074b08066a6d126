import assert from 'node:assert/strict'
import type { Backend } from '../../backends/backend.ts'
import type { ResultMeta } from '../../protocol/result-meta.ts'
import type { BackendSubject, BackendTest } from './backend-session.ts'
import { KEEP, resultMeta, until } from './backend-session.ts'

type WatchTest = (title: string, body: (backend: WatchingBackend, other: Backend) => Promise<void>) => void
type WatchingBackend = Backend & Required<Pick<Backend, 'watch'>>

/** Pushed results. */
export function exerciseBackendWatch({ watch = true }: BackendSubject, check: BackendTest): void {
  if (!watch) return
  const checkWatch: WatchTest = (title, body) => {
    check(title, async (session) => {
      const [backend, other] = [await session.backend(), await session.backend()]
      assert.ok(canWatch(backend), 'the backend should have watch')
      await body(backend, other)
    })
  }
  exerciseReporting(checkWatch)
  exerciseLeaving(checkWatch)
}

function canWatch(backend: Backend): backend is WatchingBackend {
  return backend.watch !== undefined
}

function exerciseReporting(checkWatch: WatchTest): void {
  // The caller waits, the worker stores: two programs.
  checkWatch('a watched result is reported, whoever saves it', async (backend, other) => {
    const reported: ResultMeta[] = []
    const watch = backend.watch((meta) => reported.push(meta))
    const [own, foreign] = [resultMeta({ result: 'own' }), resultMeta({ result: 'foreign' })]
    await watch.add([own.task_id, foreign.task_id])
    await other.save(foreign, KEEP)
    await until(() => reported.length === 1)
    await backend.save(own, KEEP)
    await until(() => reported.length === 2)
    assert.deepEqual(reported, [foreign, own])
    await watch.close()
  })

  // A wait that begins too late finds the result by loading it, which is why loading comes after watching.
  checkWatch('what was saved before is loaded, what comes after is reported', async (backend, other) => {
    const reported: ResultMeta[] = []
    const { task_id } = resultMeta()
    const started = resultMeta({ task_id, status: 'STARTED', date_done: null })
    await other.save(started, KEEP)
    const watch = backend.watch((meta) => reported.push(meta))
    await watch.add([task_id])
    assert.deepEqual(await backend.load([task_id]), [started])
    const done = resultMeta({ task_id })
    await other.save(done, KEEP)
    await until(() => reported.some(({ status }) => status === 'SUCCESS'))
    assert.deepEqual(reported.at(-1), done)
    await watch.close()
  })

  // A group is awaited in one go.
  checkWatch('500 results are all reported', async (backend, other) => {
    const reported = new Set<string>()
    const watch = backend.watch((meta) => reported.add(meta.task_id))
    const metas = Array.from({ length: 500 }, () => resultMeta())
    await watch.add(metas.map(({ task_id }) => task_id))
    await Promise.all(metas.map((meta) => other.save(meta, KEEP)))
    await until(() => reported.size === metas.length)
    await watch.close()
  })
}

function exerciseLeaving(checkWatch: WatchTest): void {
  // Thousands wait for their own result each, none for the others'.
  checkWatch(
    'only watched results are reported, until they are no longer watched',
    async (backend, other) => {
      const reported: unknown[] = []
      const watch = backend.watch((meta) => reported.push(meta.result))
      const [first, removed, last] = [
        resultMeta({ result: 1 }),
        resultMeta({ result: 2 }),
        resultMeta({ result: 3 }),
      ]
      await watch.add([first.task_id, removed.task_id])
      await watch.add([last.task_id])
      await watch.remove([removed.task_id])
      await other.save(resultMeta({ result: 'somebody else' }), KEEP)
      await other.save(removed, KEEP)
      await other.save(first, KEEP)
      await other.save(last, KEEP)
      // In which order is not said: whoever is polled looks at all of them.
      await until(() => reported.length >= 2)
      assert.deepEqual(reported.toSorted(), [1, 3])
      await watch.close()
    },
  )

  // Who has left hears nothing; who stays does.
  checkWatch('a closed watch reports nothing, others go on', async (backend, other) => {
    const [closed, open]: [unknown[], unknown[]] = [[], []]
    const first = backend.watch((meta) => closed.push(meta.result))
    const second = backend.watch((meta) => open.push(meta.result))
    const meta = resultMeta()
    await first.add([meta.task_id])
    await second.add([meta.task_id])
    await first.close()
    await first.close()
    await other.save(meta, KEEP)
    await until(() => open.length === 1)
    assert.deepEqual(closed, [])
    await second.close()
  })
}
