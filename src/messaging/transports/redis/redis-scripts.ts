/**
 * What has to happen in one piece inside the server. None of the scripts decodes JSON: Lua would not give every
 * envelope back as it was. Times are the server's, in seconds, so that the clocks of its clients do not matter.
 */
import type { RedisScript } from '../../../util/redis/redis-script.ts'
import { redisScript } from '../../../util/redis/redis-script.ts'

const NOW = `
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local function seconds(value) return string.format('%.6f', value) end
local function failed(reply) return type(reply) == 'table' and reply.err end
`

/**
 * At its maxmemory Redis refuses what may take memory, unless the script has written before: it does not stop one in the
 * middle. What is done with messages that are there must go on then, and workers must be able to start, or a full server
 * could never become empty; so this is such a write, which changes nothing.
 */
const ALSO_WHEN_FULL = {
  hash: `redis.pcall('HDEL', KEYS[1], '')\n`,
  set: `redis.pcall('SREM', KEYS[1], '')\n`,
  sortedSet: `redis.pcall('ZREM', KEYS[1], '')\n`,
}

/**
 * Takes messages off lists and records them as held, so that they are at every moment in one of the two places.
 *
 * KEYS: unacked, unacked index, the lists in the order in which they are served, and for each queue its list of dead.
 * ARGV: how many at most; what their tags begin with ('' = record nothing); whether to read the lists that were found
 * empty, so that client tracking tells of their change; the number of queues; for each queue what follows the envelope
 * in a record. The lists repeat the queues in their order, once for each priority.
 *
 * Answers list number, messages, list number, messages, …; a negative number is that of a queue, and what follows how
 * many of its items were put aside because they are no JSON objects (kombu could not restore them). Tags are numbered
 * through from 1. The number 0, which comes last, says that all lists are empty now, and read.
 */
export const TAKE: RedisScript = redisScript(`${NOW}
local want, prefix, watch, queues = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1', tonumber(ARGV[4])
local lists = #KEYS - 2 - queues
local stamp, out, tags, failure, unrecordable = seconds(now), {}, 0, nil, nil

local function pop(list)
  local got = redis.pcall('RPOP', list, want)
  if not failed(got) or not string.find(got.err, 'wrong number of arguments') then return got end
  -- Redis before 6.2 pops one at a time.
  got = {}
  while #got < want do
    local value = redis.pcall('RPOP', list)
    if failed(value) then return value end
    if not value then break end
    got[#got + 1] = value
  end
  return got
end

-- Without a record there must be no message: what cannot be recorded goes back to where it was.
local function record(list, got, tail)
  for from = 1, #got, 1000 do
    local index, hash, at = {}, {}, 0
    for i = from, math.min(from + 999, #got) do
      local tag = prefix .. (tags + i)
      index[at + 1], index[at + 2] = stamp, tag
      hash[at + 1], hash[at + 2] = tag, '[' .. got[i] .. tail
      at = at + 2
    end
    local added = redis.pcall('ZADD', KEYS[2], unpack(index))
    if not failed(added) then added = redis.pcall('HSET', KEYS[1], unpack(hash)) end
    if failed(added) then
      for i = 2, #index, 2 do redis.pcall('ZREM', KEYS[2], index[i]) end
      for i = #got, from, -1 do redis.call('RPUSH', list, got[i]) end
      for i = #got, from, -1 do got[i] = nil end
      return added
    end
  end
end

for number = 1, lists do
  if want <= 0 or unrecordable then break end
  local list, queue = KEYS[number + 2], (number - 1) % queues + 1
  local got = pop(list)
  if failed(got) then
    failure = got
  elseif got and #got > 0 then
    local good, dead = got, {}
    for i = 1, #got do
      if not string.find(got[i], '^%s*{') then dead[#dead + 1] = got[i] end
    end
    if #dead > 0 then
      good = {}
      for i = 1, #got do
        if string.find(got[i], '^%s*{') then good[#good + 1] = got[i] end
      end
    end
    for i = 1, #dead do redis.call('LPUSH', KEYS[2 + lists + queue], dead[i]) end
    if #dead > 0 then out[#out + 1], out[#out + 2] = -queue, #dead end
    if prefix ~= '' then unrecordable = record(list, good, ARGV[4 + queue]) end
    if #good > 0 then out[#out + 1], out[#out + 2] = number, good end
    tags = tags + #good
    want = want - #good
  end
end
if #out == 0 and (failure or unrecordable) then return failure or unrecordable end
if watch and want > 0 then
  for number = 1, lists do redis.pcall('LLEN', KEYS[number + 2]) end
  if not failure and not unrecordable then out[#out + 1], out[#out + 2] = 0, 0 end
end
return out`)

/** Empties lists. KEYS: the lists. Answers how many items were in them. */
export const PURGE: RedisScript = redisScript(`
local count = 0
for i = 1, #KEYS do
  count = count + redis.call('LLEN', KEYS[i])
  redis.call('DEL', KEYS[i])
end
return count`)

/** Forgets what was held. KEYS: unacked, unacked index. ARGV: tags. */
export const SETTLE: RedisScript = redisScript(`
for from = 1, #ARGV, 1000 do
  local to = math.min(from + 999, #ARGV)
  redis.call('HDEL', KEYS[1], unpack(ARGV, from, to))
  redis.call('ZREM', KEYS[2], unpack(ARGV, from, to))
end`)

/**
 * Puts a held message that cannot be read into a list of dead, byte by byte as it was.
 *
 * KEYS: unacked, unacked index, the list. ARGV: its tag; how many bytes follow the envelope in its record.
 */
export const BURY: RedisScript = redisScript(`${ALSO_WHEN_FULL.hash}
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then return end
redis.call('LPUSH', KEYS[3], string.sub(record, 2, -1 - tonumber(ARGV[2])))
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])`)

/**
 * Puts held messages back, each of them only if it is still held, so that nobody puts it back twice.
 *
 * KEYS: unacked, unacked index, lists. ARGV: RPUSH (served next) or LPUSH (served last); '' or for how many seconds at
 * least their leases must not have been renewed; then for each message its tag, its envelope, how many lists it goes
 * to, and their numbers. Answers how many were put back.
 */
export const RESTORE: RedisScript = redisScript(`${NOW}${ALSO_WHEN_FULL.hash}
local push, restored, at = ARGV[1], 0, 3
local ceiling = ARGV[2] ~= '' and now - tonumber(ARGV[2])
while at <= #ARGV do
  local tag, envelope, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local score = ceiling and redis.call('ZSCORE', KEYS[2], tag)
  local due = not ceiling or (score and tonumber(score) <= ceiling)
  if due and redis.call('HEXISTS', KEYS[1], tag) == 1 then
    local pushed = true
    for i = 1, count do
      pushed = not failed(redis.pcall(push, KEYS[2 + tonumber(ARGV[at + 2 + i])], envelope)) and pushed
    end
    if pushed then
      redis.call('HDEL', KEYS[1], tag)
      redis.call('ZREM', KEYS[2], tag)
      restored = restored + 1
    end
  end
  at = at + 3 + count
end
return restored`)

/**
 * Records held messages anew, under tags that belong to nobody, with leases that expire when they are due. Whoever
 * restores expired messages, Python too, then gives them back.
 *
 * KEYS: unacked, unacked index. ARGV: what the new tags begin with; seconds of a lease; then for each message its tag
 * and the seconds until it is due.
 */
export const POSTPONE: RedisScript = redisScript(`${NOW}${ALSO_WHEN_FULL.hash}
local prefix, lease = ARGV[1], tonumber(ARGV[2])
for i = 3, #ARGV, 2 do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
  if record then
    redis.call('HSET', KEYS[1], prefix .. i, record)
    redis.call('ZADD', KEYS[2], seconds(now + tonumber(ARGV[i + 1]) - lease), prefix .. i)
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
end`)

/**
 * Records messages anew under tags of another consumer, as far as they are still on record.
 *
 * KEYS: unacked, unacked index. ARGV: what the new tags begin with; the old tags. Answers new tag, record, …
 */
export const INHERIT: RedisScript = redisScript(`${NOW}${ALSO_WHEN_FULL.hash}
local out = {}
for i = 2, #ARGV do
  local record = redis.call('HGET', KEYS[1], ARGV[i])
  if record then
    local tag = ARGV[1] .. (i - 1)
    redis.call('HSET', KEYS[1], tag, record)
    redis.call('ZADD', KEYS[2], seconds(now), tag)
    redis.call('HDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    out[#out + 1], out[#out + 2] = tag, record
  end
end
return out`)

/** Renews leases that still exist. KEYS: unacked index. ARGV: tags. Answers how many there are. */
export const RENEW: RedisScript = redisScript(`${NOW}${ALSO_WHEN_FULL.sortedSet}
local renewed = 0
for from = 1, #ARGV, 1000 do
  local pairs = {}
  for i = from, math.min(from + 999, #ARGV) do
    pairs[#pairs + 1], pairs[#pairs + 2] = seconds(now), ARGV[i]
  end
  renewed = renewed + redis.call('ZADD', KEYS[1], 'XX', 'CH', unpack(pairs))
end
return renewed`)

/**
 * Finds messages whose leases have expired, the latest first, as kombu does. Entries of the index without a record are
 * removed.
 *
 * KEYS: unacked, unacked index. ARGV: seconds of the lease; how many at most. Answers tag, record, tag, record, …
 */
export const EXPIRED: RedisScript = redisScript(`${NOW}
local out = {}
local tags = redis.call('ZREVRANGEBYSCORE', KEYS[2], seconds(now - tonumber(ARGV[1])), '-inf', 'LIMIT', 0, ARGV[2])
for i = 1, #tags do
  local record = redis.call('HGET', KEYS[1], tags[i])
  if record then
    out[#out + 1], out[#out + 2] = tags[i], record
  else
    redis.call('ZREM', KEYS[2], tags[i])
  end
end
return out`)

/**
 * A consumer's sign of life. KEYS: consumers. ARGV: its id; seconds after which one without sign counts as dead ('': not
 * asked for); seconds for which the caller alone has to do with those who are answered.
 */
export const HEARTBEAT: RedisScript = redisScript(`${NOW}${ALSO_WHEN_FULL.sortedSet}
redis.call('ZADD', KEYS[1], seconds(now), ARGV[1])
if ARGV[2] == '' then return {} end
local alive, claim = tonumber(ARGV[2]), tonumber(ARGV[3])
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', seconds(now - alive), 'LIMIT', 0, 20)
for i = 1, #silent do redis.call('ZADD', KEYS[1], seconds(now - alive + claim), silent[i]) end
return silent`)

/**
 * Takes a lock unless somebody has it. KEYS: unacked, the lock. ARGV: a token; milliseconds after which the lock is gone
 * by itself.
 */
export const LOCK: RedisScript = redisScript(`${ALSO_WHEN_FULL.hash}
return redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2], 'NX')`)

/** Removes a lock if it is still ours. KEYS: the lock. ARGV: its token. */
export const UNLOCK: RedisScript = redisScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`)

/**
 * Binds a queue that expires: its exchange's table of bindings is kept until a deadline, which only ever moves on.
 * kombu has that since 5.7, and sweeps tables away whose deadline has passed.
 *
 * KEYS: the table, deadlines. ARGV: member of the table; exchange; milliseconds until the deadline.
 */
export const BIND: RedisScript = redisScript(`${NOW}${ALSO_WHEN_FULL.set}
redis.call('SADD', KEYS[1], ARGV[1])
local deadline = math.floor(now * 1000) + tonumber(ARGV[3])
local known = redis.call('ZSCORE', KEYS[2], ARGV[2])
if not known or tonumber(known) < deadline then
  redis.call('ZADD', KEYS[2], string.format('%.0f', deadline), ARGV[2])
end`)

/** Binds a queue that does not expire. KEYS: the table, that of lasting bindings. ARGV: member of the tables. */
export const BIND_LASTING: RedisScript = redisScript(`${ALSO_WHEN_FULL.set}
redis.call('SADD', KEYS[1], ARGV[1])
redis.call('SADD', KEYS[2], ARGV[1])`)

/**
 * Removes tables of bindings whose deadline has passed, except those to which queues are bound that do not expire.
 * KEYS: deadlines. ARGV: what the keys of tables, and of sets of lasting bindings, begin with.
 */
export const SWEEP: RedisScript = redisScript(`${NOW}
local overdue = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now * 1000), 'LIMIT', 0, 100)
for i = 1, #overdue do
  if redis.call('EXISTS', ARGV[2] .. overdue[i]) == 0 then redis.call('DEL', ARGV[1] .. overdue[i]) end
  redis.call('ZREM', KEYS[1], overdue[i])
end`)
