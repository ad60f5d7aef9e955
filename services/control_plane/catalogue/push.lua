-- Applies one revision of the catalogue to Redis, whole or not at all.
--
-- KEYS   state, stream, the objects of the change's kind
-- ARGV   epoch, revision, digest before it ('' where nobody knows) and after it, the stream's length, kind, id, and the
--        body unless the object is gone
-- Answers 'ok'; 'old' for a revision that is there already; 'gap' where the state is another or revisions are missing.

local state = redis.call('HMGET', KEYS[1], 'epoch', 'revision', 'digest')
local stored = tonumber(state[2] or nil)
if state[1] ~= ARGV[1] or not stored then
  return 'gap'
end

local revision = tonumber(ARGV[2])
if revision < stored or (revision == stored and ARGV[4] == state[3]) then
  return 'old'
end
-- The same revision with another digest: a database that was restored gave it to another change.
if revision ~= stored + 1 or (ARGV[3] ~= '' and ARGV[3] ~= state[3]) then
  return 'gap'
end

local fields = { 'kind', ARGV[6], 'id', ARGV[7], 'before', state[3] }
if ARGV[8] then
  fields[7], fields[8] = 'body', ARGV[8]
  redis.call('HSET', KEYS[3], ARGV[7], ARGV[8])
else
  redis.call('HDEL', KEYS[3], ARGV[7])
end
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[5], ARGV[2] .. '-0', unpack(fields))
redis.call('HSET', KEYS[1], 'revision', ARGV[2], 'digest', ARGV[4])
return 'ok'
