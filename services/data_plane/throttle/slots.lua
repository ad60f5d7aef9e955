-- Takes slots of a connection limit for one pod, and says how many it holds: saying so again changes nothing.
-- KEYS[1]  hash of the pods that hold slots: "<ms at which they are free> <slots> <number of the request>"
-- ARGV     amount, pod, held, wanted, ms that a pod may be silent, number of the request, free the silent pods' (1), shadow
-- Answers  {granted, taken in all}
local amount, pod, held, wanted = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local silent_ms, number = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local others, last = 0, 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local free_at, slots, seen = string.match(all[i + 1], '(%d+) (%d+) (%d+)')
  if all[i] == pod then
    last = tonumber(seen)
  elseif tonumber(free_at) <= now and (ARGV[7] == '1' or slots == '0') then
    redis.call('HDEL', KEYS[1], all[i])
  else
    others = others + tonumber(slots)
  end
end
if number <= last then
  return {0, others} -- it was late: the pod has said something newer
end
local granted = wanted
if ARGV[8] ~= '1' then
  granted = math.max(0, math.min(wanted, amount - others - held))
end
-- A pod that holds none keeps its number for as long as something older may come.
redis.call('HSET', KEYS[1], pod, string.format('%.0f %.0f %.0f', now + silent_ms, held + granted, number))
-- Redis may be away for longer than a pod may be silent: then nobody's slots must be lost.
local taken = others + held + granted
redis.call('PEXPIRE', KEYS[1], taken > 0 and 3600000 or silent_ms)
return {granted, taken}
