/** What has to happen in one piece inside the server, or is quicker so. */
import type { RedisScript } from '../../util/redis/redis-script.ts'
import { redisScript } from '../../util/redis/redis-script.ts'

/**
 * Stores results and publishes each on the channel named like its key. Nothing replaces a stored SUCCESS.
 *
 * KEYS: keys of results. ARGV, for each: the document; seconds to keep it, or '' for ever; the SHA-1 of what is stored
 * and may be replaced, or ''. Answers number and value, number and value, … of those that are stored in a form in which
 * their state was not recognised: the caller has to read it and try again.
 */
export const SAVE: RedisScript = redisScript(`
local unclear = {}

local function replaces(number, key, sha)
  local current = redis.call('GET', key)
  if not current then return true end
  local status = string.match(current, '^{"status": ?"([^"]*)"')
  if status then return status ~= 'SUCCESS' end
  if redis.sha1hex(current) == sha then return true end
  unclear[#unclear + 1], unclear[#unclear + 2] = number, current
  return false
end

for number = 1, #KEYS do
  local key, at = KEYS[number], number * 3 - 2
  local value, ttl = ARGV[at], ARGV[at + 1]
  local stored
  if ttl == '' then
    stored = redis.call('SET', key, value, 'NX')
    if not stored and replaces(number, key, ARGV[at + 2]) then stored = redis.call('SET', key, value) end
  else
    stored = redis.call('SET', key, value, 'EX', ttl, 'NX')
    if not stored and replaces(number, key, ARGV[at + 2]) then stored = redis.call('SETEX', key, ttl, value) end
  end
  if stored then redis.call('PUBLISH', key, value) end
end
return unclear`)

/**
 * Adds a part of a chord's header, once, and counts.
 *
 * KEYS: parts, additional size, size, id of the part that completed the chord, ids (for parts without order), the saved
 * group. ARGV: the part; its score, or '' for parts without order; its task id; seconds to keep all of it, or '' for ever;
 * the size if the caller knows it, or ''. Answers whether the chord is complete by this part, how many parts there are,
 * how many there must be, or '', and whether that has to be looked at more closely, by `SETTLE`: there are enough parts,
 * and a saved group that knows of more, perhaps.
 *
 * A part whose id is there already counts once, and completes nothing, unless it is the one that completed the chord:
 * whoever added it has lost the connection, or died before the body was sent. When that was a worker of Python's, which
 * leaves no word of it, any part completes the chord again.
 */
export const ADD_PART: RedisScript = redisScript(`
local part, score, id, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local known = false
if score == '' then
  known = redis.call('SADD', KEYS[5], id) == 0
  if not known then redis.call('RPUSH', KEYS[1], part) end
else
  local same = redis.call('ZRANGEBYSCORE', KEYS[1], score, score)
  for i = 1, #same do
    -- The id stands right behind the 1, whatever the encoding; another part's result may hold it, too.
    local at = string.find(same[i], id, 1, true)
    if at and at < 10 then known = true end
  end
  if not known then redis.call('ZADD', KEYS[1], score, part) end
end
local count = score == '' and redis.call('LLEN', KEYS[1]) or redis.call('ZCARD', KEYS[1])
local size = redis.call('GET', KEYS[3]) or ARGV[5]
local total = size ~= '' and tonumber(size) + tonumber(redis.call('GET', KEYS[2]) or 0)
local complete = false
if total and count == total then
  if not known or not redis.call('GET', KEYS[4]) then redis.call('SET', KEYS[4], id) end
  complete = redis.call('GET', KEYS[4]) == id
end
if ttl ~= '' then
  for i = 1, 3 do redis.call('EXPIRE', KEYS[i], ttl) end
end
-- Python does not know of the last two when it finishes a chord, so they must go by themselves.
for i = 4, 5 do redis.call('EXPIRE', KEYS[i], ttl ~= '' and ttl or 86400) end
local doubtful = total and count >= total and redis.call('EXISTS', KEYS[6]) == 1
return { complete and 1 or 0, count, total or '', doubtful and 1 or 0 }`)

/**
 * Decides again whether a chord is complete, when a part has said so or has come later than that.
 *
 * A worker of Python's that sends a group of the header in the middle of a chain takes its size for that of the chord.
 *
 * KEYS: those of `ADD_PART`. ARGV: how many results the saved group has; the task id of the part; seconds to keep the
 * size, or '' for ever. Answers whether the chord is complete by this part.
 */
export const SETTLE: RedisScript = redisScript(`
local leaves, id, ttl = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local size = tonumber(redis.call('GET', KEYS[3]) or 0)
if size < leaves then
  size = leaves
  if ttl == '' then redis.call('SET', KEYS[3], size) else redis.call('SETEX', KEYS[3], ttl, size) end
end
local kind = redis.call('TYPE', KEYS[1]).ok
local count = kind == 'list' and redis.call('LLEN', KEYS[1]) or redis.call('ZCARD', KEYS[1])
local last = redis.call('GET', KEYS[4])
if count < size + tonumber(redis.call('GET', KEYS[2]) or 0) then
  if last == id then redis.call('DEL', KEYS[4]) end
  return 0
end
if not last then
  redis.call('SETEX', KEYS[4], ttl ~= '' and ttl or 86400, id)
  last = id
end
return last == id and 1 or 0`)

/**
 * Makes a chord wait for more parts, once.
 *
 * KEYS: those of `ADD_PART`. ARGV: how many more; seconds to keep it, or '' for ever; a word by which it is known should
 * it be said again, because the connection was lost before the answer.
 */
export const GROW: RedisScript = redisScript(`
if redis.call('SADD', KEYS[5], ARGV[3]) == 0 then return end
redis.call('INCRBY', KEYS[2], ARGV[1])
if ARGV[2] ~= '' then
  redis.call('EXPIRE', KEYS[2], ARGV[2])
  redis.call('EXPIRE', KEYS[5], ARGV[2])
end`)
