-- Turns all partials of a job into its result, and publishes it unless a newer job's is.
-- KEYS  18 published
-- ARGV  1 id, 2 status, 3 reason, 4 number of partials, then their names,
--       then three lists, each its length before it: the cube's fields and values, the metrics', the rejects
-- Returns 1, or 0 where the job is not reducing or its partials are not these.
local place = 4
local function next_list()
  local items = {}
  for offset = 1, tonumber(ARGV[place]) do
    items[offset] = ARGV[place + offset]
  end
  place = place + #items + 1
  return items
end

if redis.call('HGET', job, 'status') ~= 'reducing' then return 0 end
local names = next_list()
if redis.call('SCARD', partials) ~= #names then return 0 end
for _, name in ipairs(names) do
  if redis.call('SISMEMBER', partials, name) == 0 then return 0 end
end
redis.call('DEL', cube, metrics, rejects)
for _, key in ipairs({ cube, metrics }) do
  local fields = next_list()
  for field = 1, #fields, 2 do
    redis.call('HSET', key, fields[field], fields[field + 1])
  end
end
for _, reject in ipairs(next_list()) do
  redis.call('RPUSH', rejects, reject)
end
end_job(ARGV[2], ARGV[3])

if ARGV[2] ~= 'completed' then return 1 end
local sequence = redis.call('HGET', job, 'sequence')
local published = redis.call('HMGET', KEYS[18], 'sequence', 'keys')
if published[1] and tonumber(published[1]) > tonumber(sequence) then return 1 end
if published[2] then
  local old_keys = cjson.decode(published[2])
  local ttl_ms = redis.call('HGET', old_keys[1], 'ttl_ms')
  for _, key in ipairs(old_keys) do
    redis.call('PEXPIRE', key, ttl_ms)
  end
end
local keys = { job, batches, cube, metrics, rejects }
for _, key in ipairs(keys) do
  redis.call('PERSIST', key)
end
redis.call('HSET', KEYS[18], 'job', ARGV[1], 'sequence', sequence, 'keys', cjson.encode(keys))
return 1
