-- Leases a share of a limit that fills evenly (GCRA: ITU-T I.371, as a virtual schedule).
-- KEYS[1]  the limit's schedule
-- ARGV     amount, ms in which it fills, wanted, least, returned, mark, shadow, valid ms
-- Answers  {granted, mark, ms that it is valid, spent in all, ms until more may be there}
-- A lease may be spent until it is void, twice its validity at most: that much less may be taken at once, so that what
-- pods let through stays under the amount and what fills meanwhile. Nothing is given back: it fills again by itself.
local amount, window_ms, wanted, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local valid_ms = tonumber(ARGV[8])
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local interval = window_ms / amount
local depth = math.max(1, math.ceil(amount - 2 * valid_ms / interval))
local tat = math.max(tonumber(redis.call('HGET', KEYS[1], 'tat')) or 0, now)
local room = math.floor(depth - (tat - now) / interval + 1e-6)
local granted = wanted
if ARGV[7] ~= '1' then
  granted = math.min(wanted, math.max(least, math.floor(room / 8)))
  if granted > room then
    granted = 0
  end
end
tat = tat + granted * interval
redis.call('HSET', KEYS[1], 'tat', string.format('%.3f', tat))
redis.call('PEXPIRE', KEYS[1], math.ceil(tat - now) + 1000)
local wait_ms = math.ceil(tat - now - (depth - least) * interval)
return {granted, 0, valid_ms, math.max(0, depth - room), math.max(1, wait_ms)}
