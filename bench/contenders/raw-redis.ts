/**
 * The least that must be done on kombu's layout: take and record a hundred messages in one script, forget them in
 * one trip. Neither decodes nor runs anything. A measure of what the machine and the client can do.
 */
import { Redis } from 'ioredis'

const redis = new Redis(process.env['BENCH_REDIS'] ?? '')
const TAKE = `
local taken = redis.call('RPOP', KEYS[1], 100)
if not taken then return {} end
local fields, scores = {}, {}
for i, message in ipairs(taken) do
  local tag = ARGV[1] .. ':' .. i
  fields[#fields + 1] = tag; fields[#fields + 1] = '[' .. message .. ', "", "celery"]'
  scores[#scores + 1] = ARGV[2]; scores[#scores + 1] = tag
end
redis.call('HSET', KEYS[2], unpack(fields))
redis.call('ZADD', KEYS[3], unpack(scores))
return taken`

console.log('ready.')
process.on('SIGTERM', () => process.exit(0))
for (let batch = 0; ; batch += 1) {
  const taken = await redis.eval(
    TAKE,
    3,
    'celery',
    'unacked',
    'unacked_index',
    `${batch}`,
    `${Date.now() / 1000}`,
  )
  const count = Array.isArray(taken) ? taken.length : 0
  if (count === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    continue
  }
  const tags = Array.from({ length: count }, (_, i) => `${batch}:${i + 1}`)
  await redis
    .multi()
    .hdel('unacked', ...tags)
    .zrem('unacked_index', ...tags)
    .exec()
}
