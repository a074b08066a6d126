import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { TimeoutError } from '../../../src/errors.ts'
import { anySignal, Deadline, sleep, waitOrAbort } from '../../../src/util/abort.ts'
import { Deferred } from '../../../src/util/deferred.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length

test('waitOrAbort gives the value and leaves neither listener nor timer behind', async () => {
  const clock = new VirtualClock()
  const { signal } = new AbortController()
  const value = await waitOrAbort(Promise.resolve(5), { signal, timeout: 1000, clock }, 'five')
  assert.equal(value, 5)
  assert.equal(listeners(signal), 0)
  assert.equal(clock.pending, 0)
})

test('waitOrAbort gives up after its timeout and says what it waited for', async () => {
  const clock = new VirtualClock()
  const { signal } = new AbortController()
  const outcome = assert.rejects(
    waitOrAbort(new Deferred().promise, { signal, timeout: 250, clock }, 'the result of task 12'),
    (error) => error instanceof TimeoutError && /250 ms for the result of task 12/.test(error.message),
  )
  await clock.advance(249)
  assert.equal(clock.pending, 1)
  await clock.advance(1)
  await outcome
  assert.equal(listeners(signal), 0)
})

test('waitOrAbort gives up with the reason of the signal, before or during the wait', async () => {
  const reason = new Error('stop')
  const controller = new AbortController()
  const waiting = waitOrAbort(new Deferred().promise, { signal: controller.signal }, 'ever')
  controller.abort(reason)
  await assert.rejects(waiting, reason)
  const failing = Promise.reject(new Error('nobody looks at this'))
  await assert.rejects(waitOrAbort(failing, { signal: controller.signal }, 'ever'), reason)
})

test('waitOrAbort passes the failure of the promise on', async () => {
  const error = new Error('no')
  await assert.rejects(waitOrAbort(Promise.reject(error), { timeout: 50 }, 'it'), error)
})

test('sleep ends after its time, or at once with the reason of its signal', async () => {
  const clock = new VirtualClock()
  const controller = new AbortController()
  let woke = false
  const sleeping = sleep(1000, { clock, signal: controller.signal }).then(() => {
    woke = true
  })
  await clock.advance(999)
  assert.equal(woke, false)
  await clock.advance(1)
  await sleeping
  assert.equal(listeners(controller.signal), 0)

  const interrupted = sleep(1000, { clock, signal: controller.signal })
  controller.abort(new Error('wake up'))
  await assert.rejects(interrupted, /wake up/)
  await assert.rejects(sleep(1, { clock, signal: controller.signal }), /wake up/)
  assert.equal(clock.pending, 0)
})

test('anySignal follows the first source and lets go of all of them', () => {
  const a = new AbortController()
  const b = new AbortController()
  const linked = anySignal([a.signal, undefined, b.signal])
  b.abort('b was it')
  assert.equal(linked.signal.reason, 'b was it')
  assert.equal(listeners(a.signal), 0)

  const disposed = anySignal([a.signal])
  assert.equal(listeners(a.signal), 1)
  disposed[Symbol.dispose]()
  assert.equal(listeners(a.signal), 0)
  a.abort()
  assert.equal(disposed.signal.aborted, false)
})

test('anySignal is aborted from the start when a source is', () => {
  const a = new AbortController()
  const linked = anySignal([a.signal, AbortSignal.abort('already')])
  assert.equal(linked.signal.reason, 'already')
  assert.equal(listeners(a.signal), 0)
})

test('a deadline counts down and stays at zero; without a timeout it never ends', async () => {
  const clock = new VirtualClock()
  const deadline = new Deadline(100, clock)
  await clock.advance(40)
  assert.equal(deadline.remaining, 60)
  assert.equal(deadline.expired, false)
  await clock.advance(100)
  assert.equal(deadline.remaining, 0)
  assert.equal(deadline.expired, true)
  const never = new Deadline(undefined, clock)
  assert.equal(never.remaining, undefined)
  assert.equal(never.expired, false)
})
