import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsumerParent, WorkerParent } from '../../../src/app/app-steps.ts'
import { createAppSteps } from '../../../src/app/app-steps.ts'
import { ConnectionError } from '../../../src/errors.ts'
import type { TransportConnection } from '../../../src/messaging/transport.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { Session } from '../../../src/worker/session.ts'
import { workerGraph } from '../../../src/worker/worker-graph.ts'
import { createWorkerSteps } from '../../../src/worker/worker-steps.ts'
import { eventually } from '../../support/eventually.ts'
import { memoryConnection } from './memory-connection.ts'

const WORKER: WorkerParent = {
  hostname: 'w@h',
  pool: undefined,
  logger: silentLogger,
  stop: () => Promise.resolve(),
}

async function setup(start: (parent: ConsumerParent, diary: string[]) => void = () => undefined) {
  const diary: string[] = []
  const failures: unknown[] = []
  const steps = createAppSteps()
  steps.consumer.add({
    name: 'audit',
    start: (parent) => {
      start(parent, diary)
      diary.push('start')
      return { stop: () => void diary.push('stop') }
    },
  })
  const workerSteps = await createWorkerSteps({
    steps,
    agent: undefined,
    worker: WORKER,
    decodeBody: () => undefined,
    failed: (error) => failures.push(error),
    logger: silentLogger,
  })
  return { diary, failures, workerSteps }
}

async function session(connection: TransportConnection): Promise<Session> {
  return new Session(connection, await connection.openChannel(), silentLogger)
}

test('steps of the consumer begin anew with every connection [7-009]', async (t) => {
  const { diary, workerSteps } = await setup()
  const first = await session(await memoryConnection(t))
  workerSteps.opened(first)
  await eventually(() => diary.length === 1)
  first.lost = true
  workerSteps.lost(first)
  const second = await session(await memoryConnection(t))
  workerSteps.opened(second)
  // The end of a connection that is not the present one changes nothing.
  workerSteps.lost(first)
  await eventually(() => diary.length === 3)
  await workerSteps.closeConsumer()
  assert.deepEqual(diary, ['start', 'stop', 'start', 'stop'])
})

test('a step that loses the connection while it starts makes the worker connect anew [7-009]', async (t) => {
  const { diary, failures, workerSteps } = await setup(() => {
    throw new ConnectionError('gone')
  })
  const only = await session(await memoryConnection(t))
  workerSteps.opened(only)
  await only.gone
  assert.deepEqual([diary, failures], [[], []])
})

test('another error of a step is the end of the worker [7-009]', async (t) => {
  const error = new TypeError('a bug')
  const { failures, workerSteps } = await setup(() => {
    throw error
  })
  workerSteps.opened(await session(await memoryConnection(t)))
  await eventually(() => failures.length === 1)
  assert.deepEqual(failures, [error])
})

test('the graph shows what is built in, and the order of Celery [7-001, 7-002, 7-006, 7-007]', () => {
  const steps = createAppSteps()
  steps.worker.add({ name: 'metrics', requires: ['Pool'], start: () => undefined })
  const edges = (options: { worker: boolean; consumer: boolean }): string[] =>
    workerGraph(steps, options)
      .split('\n')
      .filter((line) => line.includes('->'))
      .map((line) => line.trim().replace(/["; ]|\[.*\]/g, ''))
  const worker = edges({ worker: true, consumer: false })
  for (const edge of ['Hub->Timer', 'Pool->Hub', 'Autoscaler->Pool', 'metrics->Pool', 'Consumer->metrics']) {
    assert.ok(worker.includes(edge), edge)
  }
  const consumer = edges({ worker: false, consumer: true })
  for (const edge of ['Events->Connection', 'Agent->Connection', 'Heart->Events', 'Mingle->Events']) {
    assert.ok(consumer.includes(edge), edge)
  }
  for (const edge of ['Gossip->Mingle', 'Tasks->Mingle', 'Control->Tasks', 'DelayedDelivery->Tasks']) {
    assert.ok(consumer.includes(edge), edge)
  }
  assert.ok(edges({ worker: true, consumer: true }).includes('Connection->Consumer'))
})
