/** celery-node: producer and worker. It has no tasks without result and no task options. */
import { setTimeout as sleep } from 'node:timers/promises'
import celery from 'celery-node'
import { percentiles, readVerb, report } from './verb.ts'

const { verb, n, task, mode } = readVerb()
const url = process.env.BENCH_REDIS ?? ''

if (verb === 'worker') {
  const worker = celery.createWorker(url, url)
  worker.register('bench.noop', () => {})
  worker.register('bench.noop_result', () => 1)
  worker.register('bench.io', () => sleep(10))
  worker.start()
  console.log('ready.')
  process.on('SIGTERM', () => process.exit(0))
} else {
  const client = celery.createClient(url, url)
  const target = client.createTask(`bench.${task}`)
  if (verb === 'roundtrip') {
    const times = []
    for (let i = 0; i < Math.min(n, 10); i += 1) {
      const start = performance.now()
      await target.applyAsync([]).get(30_000, 1)
      times.push(performance.now() - start)
    }
    report(percentiles(times))
  } else {
    // `applyAsync` does not tell when the broker has the message: the time is that of handing over.
    await client.isReady()
    const start = performance.now()
    for (let i = 0; i < n; i += 1) {
      target.applyAsync([])
      if (mode === 'one' || i % 1000 === 999) await new Promise((resolve) => setImmediate(resolve))
    }
    report({ seconds: (performance.now() - start) / 1000 })
  }
  await client.disconnect()
  process.exit(0)
}
