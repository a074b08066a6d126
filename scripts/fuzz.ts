/**
 * `npm run fuzz`: sends hostile messages through a real worker and accounts for every one of them.
 *
 *     npm run fuzz -- [--count 100000] [--seed 1]
 *
 * The same seed gives the same messages. Fails when a message is lost or in two places, when something is thrown that
 * nobody caught, when Node warns, or when nothing moves for a minute.
 */
import { parseArgs } from 'node:util'
import { fuzzWorker } from '../test/fuzz/fuzz-worker.ts'
import { hostileMessages } from '../test/fuzz/hostile-messages.ts'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
})
const [count, seed] = [Number(values.count), Number(values.seed)]
const started = performance.now()
const { lost, twice, faults, ...places } = await fuzzWorker({
  messages: hostileMessages(seed, count),
  log: (line) => console.log(line),
})
console.log(`${count} messages, seed ${seed}, ${((performance.now() - started) / 1000).toFixed(0)} s`)
console.log(places)
for (const [name, list] of Object.entries({ lost, twice, faults })) {
  console.log(`${name}: ${list.length}`)
  for (const each of list.slice(0, 20)) console.log(`  ${each}`)
}
process.exitCode = lost.length + twice.length + faults.length === 0 ? 0 : 1
