-- Reads at one instant how much memory Redis, workers and other processes have.
-- KEYS  16 the limits
-- Returns maxmemory in bytes; the memory and its pool of each registered worker, nothing in their place if it is dead;
-- and what each other process says it has, as JSON.
local limits = KEYS[16]
local memory_of_workers = {}
for index, heartbeat in ipairs(redis.call('ZRANGE', workers, 0, -1)) do
  memory_of_workers[index] = redis.call('HMGET', heartbeat, 'memory_bytes', 'memory_pool')
end
local now, announced = tonumber(now_ms()), {}
local fields = redis.call('HGETALL', limits)
for index = 2, #fields, 2 do
  local ends_at, text = string.match(fields[index], '^(%d+) (.*)$')
  if tonumber(ends_at) > now then table.insert(announced, text) end
end
return { string.match(redis.call('INFO', 'memory'), 'maxmemory:(%d+)'), memory_of_workers, announced }
