/** Producer side of Celeriac: `fill`, `publish`, `roundtrip`. Its worker is the command line. */
import { app, io, noop, noopResult } from './celeriac-app.ts'
import { percentiles, readVerb, report, WARM_UP } from './verb.ts'

const tasks = { noop, noop_result: noopResult, io }
const { verb, n, task, mode } = readVerb()
const chosen = tasks[task]

/** Calls in flight while filling. */
const WINDOW = 1000

if (verb === 'roundtrip') {
  const times: number[] = []
  for (let i = 0; i < n + WARM_UP; i += 1) {
    const start = performance.now()
    await noopResult.delay().get({ timeout: 30 })
    if (i >= WARM_UP) times.push(performance.now() - start)
  }
  report(percentiles(times))
} else {
  await chosen.delay()
  const start = performance.now()
  if (mode === 'one') for (let i = 1; i < n; i += 1) await chosen.delay()
  else {
    for (let sent = 1; sent < n; sent += WINDOW) {
      await Promise.all(Array.from({ length: Math.min(WINDOW, n - sent) }, () => chosen.delay()))
    }
  }
  report({ seconds: (performance.now() - start) / 1000 })
}
await app.close()
