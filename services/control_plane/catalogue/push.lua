-- Applies one revision of the catalogue to Redis, whole or not at all.
--
-- KEYS   state, stream, the objects of the change's kind
-- ARGV   epoch, revision, digest after it, the stream's length, kind, id, and the body unless the object is gone
-- Answers 'ok'; 'old' for a revision that is there already; 'gap' where the state is another or revisions are missing.

local state = redis.call('HMGET', KEYS[1], 'epoch', 'revision')
local stored = tonumber(state[2] or nil)
if state[1] ~= ARGV[1] or not stored then
  return 'gap'
end

local revision = tonumber(ARGV[2])
if revision <= stored then
  return 'old'
end
if revision ~= stored + 1 then
  return 'gap'
end

local fields = { 'kind', ARGV[5], 'id', ARGV[6] }
if ARGV[7] then
  fields[5], fields[6] = 'body', ARGV[7]
  redis.call('HSET', KEYS[3], ARGV[6], ARGV[7])
else
  redis.call('HDEL', KEYS[3], ARGV[6])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[4], ARGV[2] .. '-0', unpack(fields))
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'digest', ARGV[3])
return 'ok'
