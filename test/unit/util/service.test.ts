import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deferred } from '../../../src/util/deferred.ts'
import { Service } from '../../../src/util/service.ts'

function recorded(): { service: Service; log: string[]; started: Deferred; stopped: Deferred } {
  const log: string[] = []
  const started = new Deferred()
  const stopped = new Deferred()
  const service = new Service({
    start: async () => {
      log.push('start')
      await started.promise
    },
    stop: async () => {
      log.push('stop')
      await stopped.promise
    },
  })
  return { service, log, started, stopped }
}

test('start and stop run once however often they are called', async () => {
  const { service, log, started, stopped } = recorded()
  const starts = Promise.all([service.start(), service.start()])
  assert.equal(service.state, 'starting')
  started.resolve()
  await starts
  await service.start()
  assert.equal(service.running, true)
  const stops = Promise.all([service.stop(), service.stop()])
  assert.equal(service.state, 'stopping')
  stopped.resolve()
  await stops
  await service.stop()
  assert.equal(service.state, 'idle')
  assert.deepEqual(log, ['start', 'stop'])
})

test('stop while starting waits for the start; start while stopping waits for the stop', async () => {
  const { service, log, started, stopped } = recorded()
  const starting = service.start()
  const stopping = service.stop()
  assert.deepEqual(log, ['start'])
  started.resolve()
  await starting
  const again = service.start()
  stopped.resolve()
  await stopping
  await again
  assert.deepEqual(log, ['start', 'stop', 'start'])
  assert.equal(service.state, 'running')
})

test('a start that fails tells everybody who waits and can be tried again', async () => {
  let attempts = 0
  const service = new Service({
    start: async () => {
      attempts++
      await Promise.resolve()
      if (attempts === 1) throw new Error('not yet')
    },
    stop: () => undefined,
  })
  await Promise.all([assert.rejects(service.start(), /not yet/), assert.rejects(service.start(), /not yet/)])
  assert.equal(service.state, 'idle')
  await service.start()
  assert.equal(service.running, true)
})

test('disposing of it stops it', async () => {
  const log: string[] = []
  const service = new Service({ start: () => undefined, stop: () => void log.push('stop') })
  await service.start()
  await service[Symbol.asyncDispose]()
  assert.deepEqual(log, ['stop'])
})
