import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ToChild, ToParent } from '../../../src/pool/children/frames.ts'
import { JobLoop } from '../../../src/pool/children/job-loop.ts'
import type { AbortReason } from '../../../src/pool/pool.ts'
import { eventually, eventuallyValue } from '../../support/eventually.ts'

/** Runs until the promise `ended` settles, and answers why it should have ended; `releases`: its work is done before. */
const RUNNER = `data:text/javascript,${encodeURIComponent(`
  export const createRunner = async () => ({
    run: async ({ releases, ended }, context) => {
      if (releases) context.release()
      await ended
      return context.reason
    },
    close: async () => {},
  })
`)}`

async function startLoop() {
  const told: ToParent[] = []
  const parent = { send: (message: ToParent) => void told.push(message), flush: () => undefined }
  const loop = new JobLoop({ parent, weigh: () => 0, leave: () => undefined })
  loop.receive(['init', RUNNER, undefined, 1, undefined])
  await eventually(() => assert.ok(told.some(([what]) => what === 'ready')))
  const done = () => eventuallyValue(() => told.find((message) => message[0] === 'done'))
  return { tell: (message: ToChild) => loop.receive(message), done }
}

for (const [releases, why, reason] of [
  [false, 'it says so', 'terminate'],
  [true, 'one whose work is done goes on to its end', undefined],
] as const satisfies readonly (readonly [boolean, string, AbortReason | undefined])[]) {
  test(`of a job that is terminated: ${why}`, async () => {
    const { tell, done } = await startLoop()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    tell(['job', 'one', { releases, ended }, undefined, true])
    tell(['abort', 'one', 'terminate'])
    end()
    const [, id, value, , aborted] = await done()
    assert.deepEqual([id, value, aborted], ['one', reason, reason !== undefined])
  })
}
