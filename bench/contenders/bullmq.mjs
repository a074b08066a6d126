/** BullMQ: producer and worker. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, QueueEvents, Worker } from 'bullmq'
import { percentiles, readVerb, report, WARM_UP } from './verb.ts'

const { verb, n, task, mode } = readVerb()
const { hostname, port } = new URL(process.env.BENCH_REDIS ?? '')
const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null }
const bodies = { noop: async () => {}, noop_result: async () => 1, io: () => sleep(10) }
const options = { removeOnComplete: task === 'noop_result' ? { age: 3600 } : true, removeOnFail: true }

if (verb === 'worker') {
  const worker = new Worker('bench', (job) => bodies[job.name](), { connection, concurrency: 100 })
  worker.on('error', (error) => console.error(error))
  await worker.waitUntilReady()
  console.log('ready.')
  process.on('SIGTERM', () => worker.close().then(() => process.exit(0)))
} else if (verb === 'roundtrip') {
  const queue = new Queue('bench', { connection })
  const events = new QueueEvents('bench', { connection })
  await events.waitUntilReady()
  const times = []
  for (let i = 0; i < n + WARM_UP; i += 1) {
    const start = performance.now()
    const job = await queue.add('noop_result', [], { removeOnComplete: { age: 3600 } })
    await job.waitUntilFinished(events, 30_000)
    if (i >= WARM_UP) times.push(performance.now() - start)
  }
  report(percentiles(times))
  await events.close()
  await queue.close()
} else {
  const queue = new Queue('bench', { connection })
  await queue.add(task, [], options)
  const start = performance.now()
  if (mode === 'one') for (let i = 1; i < n; i += 1) await queue.add(task, [], options)
  else {
    for (let sent = 1; sent < n; sent += 1000) {
      const jobs = Array.from({ length: Math.min(1000, n - sent) }, () => ({
        name: task,
        data: [],
        opts: options,
      }))
      await queue.addBulk(jobs)
    }
  }
  report({ seconds: (performance.now() - start) / 1000 })
  await queue.close()
}
