-- Leases a share of one limit in its current window, and takes back what an earlier lease left over.
-- KEYS[1]  the limit's counter
-- ARGV     amount, window in ms, wanted, returned, the window that `returned` was leased in
-- Answers  {granted, window, ms until the window ends, spent in all}
-- Windows are numbered on Redis' own clock, so that pods' clocks don't matter.
local amount, window_ms, wanted, returned = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local window = math.floor(now_ms / window_ms)
local held = redis.call('HMGET', KEYS[1], 'window', 'spent')
local spent = 0
if tonumber(held[1]) == window then
  spent = tonumber(held[2])
end
if returned > 0 and tonumber(ARGV[5]) == window then
  spent = math.max(0, spent - returned)
end
local granted = math.max(0, math.min(wanted, amount - spent))
spent = spent + granted
local left_ms = (window + 1) * window_ms - now_ms
redis.call('HSET', KEYS[1], 'window', window, 'spent', spent)
redis.call('PEXPIRE', KEYS[1], left_ms + 1000)
return {granted, window, left_ms, spent}
