-- Leases a share of a limit in its current window, and takes back what an earlier lease left over.
-- KEYS[1]  the limit's counter
-- ARGV     amount, window in ms, wanted, least, returned, mark that `returned` was leased under, shadow, valid ms
-- Answers  {granted, mark, ms that it is valid, spent in all, ms until more may be there}
-- Windows are numbered by their start on Redis' own clock, so that pods' clocks don't matter. What was spent in a window
-- of another length counts until that one ends.
local amount, window_ms, wanted, least = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local returned = tonumber(ARGV[5])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local start = now - now % window_ms
local held = redis.call('HMGET', KEYS[1], 'start', 'window_ms', 'spent')
local held_start, held_ms = tonumber(held[1]), tonumber(held[2])
local spent = 0
if held_start and now < held_start + held_ms then
  spent = tonumber(held[3])
  if returned > 0 and held[1] == ARGV[6] then
    spent = math.max(0, spent - returned)
  end
  if held_ms == window_ms then
    start = held_start -- also where the clock was set back
  end
end
local left = amount - spent
local granted = wanted
if ARGV[7] ~= '1' then
  -- An eighth of what is left: near the end nobody sits on much of it.
  granted = math.min(wanted, math.max(least, math.floor(left / 8)))
  if granted > left then
    granted = 0
  end
end
spent = spent + granted
local left_ms = start + window_ms - now
redis.call('HSET', KEYS[1], 'start', string.format('%.0f', start), 'window_ms', window_ms, 'spent', string.format('%.0f', spent))
redis.call('PEXPIRE', KEYS[1], left_ms + 1000)
-- A pod's clock may be slower than this one: what it has ends a thousandth earlier, and a ms, for `now` is rounded down.
local valid_ms = math.max(0, math.floor(left_ms * 0.999) - 1)
return {granted, start, valid_ms, spent, left_ms}
