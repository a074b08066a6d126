/** A process that takes what is in a queue and holds it until it is killed: `redis-holder.ts <url> <queue> <count>`. */
import { redisOptions } from '../../src/messaging/transports/redis/redis-options.ts'
import { openRedisStore } from '../../src/messaging/transports/redis/redis-store.ts'
import { systemClock } from '../../src/util/clock.ts'

const [url = '', queue = '', count = '1'] = process.argv.slice(2)
const store = await openRedisStore(
  redisOptions({
    url,
    transportOptions: {},
    connectTimeout: undefined,
    heartbeat: 0,
    ssl: false,
    clientName: 'holder',
  }),
  { warn: console.error, clock: systemClock },
)
let held = 0
while (held < Number(count)) {
  const taken = await store.take([queue], { max: 10, signal: new AbortController().signal, wait: true })
  held += taken.length
}
console.log(`holding ${held}`)
setInterval(() => undefined, 1000)
