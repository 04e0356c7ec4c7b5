import { createHash } from 'node:crypto';
import type { RedisScript } from '@banyan/redis';

/* Each runs alone in Redis, so nothing comes between what it reads and what it writes. Times are milliseconds since 1970. */

const now = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function whole(number) return string.format('%.0f', number) end`;

/**
 * Keys: the session, those of the account, its end. Arguments: hash of the reference, session, account, signed in at, revision of the password,
 * idle and longest time. Answers when it ends, or nothing if the sign-in no longer counts.
 */
export const beginScript = script(`${now}
local ended = redis.call('HMGET', KEYS[3], 'at', 'revision')
local signedIn = tonumber(ARGV[4]) or now
if ended[1] and signedIn <= tonumber(ended[1]) then return nil end
if ended[2] and ARGV[5] ~= '' and tonumber(ARGV[5]) < tonumber(ended[2]) then return nil end
local endsAt = now + tonumber(ARGV[7])
redis.call('HSET', KEYS[1], 'id', ARGV[2], 'account', ARGV[3], 'revision', ARGV[5],
  'began', whole(now), 'used', whole(now), 'ends', whole(endsAt))
redis.call('PEXPIRE', KEYS[1], whole(math.min(tonumber(ARGV[6]), tonumber(ARGV[7]))))
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', whole(now))
redis.call('ZADD', KEYS[2], whole(endsAt), ARGV[1])
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
redis.call('PEXPIREAT', KEYS[2], whole(tonumber(last[2])))
return whole(endsAt)`);

/** Key: the session. Argument: idle time. Answers id, account and end, or nothing. */
export const useScript = script(`${now}
local found = redis.call('HMGET', KEYS[1], 'id', 'account', 'ends')
if not found[1] then return nil end
redis.call('HSET', KEYS[1], 'used', whole(now))
redis.call('PEXPIREAT', KEYS[1], whole(math.min(now + tonumber(ARGV[1]), tonumber(found[3]))))
return found`);

/**
 * Keys: the session, its id once it has ended. Arguments: hash of the reference, what the keys of accounts begin with, how long the id is
 * remembered. Answers the id, if there is one.
 */
export const endScript = script(`
local found = redis.call('HMGET', KEYS[1], 'id', 'account')
if not found[1] then return {redis.call('GET', KEYS[2]) or nil} end
redis.call('DEL', KEYS[1])
redis.call('ZREM', ARGV[2] .. found[2], ARGV[1])
redis.call('SET', KEYS[2], found[1], 'PX', ARGV[3])
return {found[1]}`);

/** Key: the sessions of the account. Argument: what the keys of sessions begin with. Answers id, beginning and last use of each, newest first. */
export const listScript = script(`
local all = {}
for _, hash in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local found = redis.call('HMGET', ARGV[1] .. hash, 'id', 'began', 'used')
  if found[1] and #all < 100 then all[#all + 1] = found end
end
return all`);

/**
 * Keys: the sessions of the account, its end, the ids that it has ended. Arguments: what the keys of sessions begin with, the time or the revision
 * of the end, and how long it and the ids are remembered. Answers these ids, the new ones and the earlier ones.
 */
export const endAllScript = script(`${now}
for _, hash in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local found = redis.call('HMGET', ARGV[1] .. hash, 'id', 'revision')
  local revision = tonumber(found[2] or '')
  local stays = ARGV[3] ~= '' and revision and revision >= tonumber(ARGV[3])
  if not stays then
    if found[1] then redis.call('ZADD', KEYS[3], whole(now), found[1]) end
    redis.call('DEL', ARGV[1] .. hash)
    redis.call('ZREM', KEYS[1], hash)
  end
end
local function raise(field, value)
  local known = tonumber(redis.call('HGET', KEYS[2], field) or '')
  if value ~= '' and (not known or known < tonumber(value)) then redis.call('HSET', KEYS[2], field, value) end
end
raise('at', ARGV[2])
raise('revision', ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', whole(now - tonumber(ARGV[4])))
redis.call('PEXPIRE', KEYS[3], ARGV[4])
return redis.call('ZRANGE', KEYS[3], 0, -1)`);

function script(text: string): RedisScript {
  return { text, sha1: createHash('sha1').update(text).digest('hex') };
}
