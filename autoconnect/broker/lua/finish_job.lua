-- Turns all partials of a job into its result, and publishes that unless the result of a newer job is published.
-- KEYS  18 published
-- ARGV  1 job id, 2 status, 3 reason,
--       then four lists, each after its length: names of the partials, fields and values of the cube, fields and values
--       of the metrics, rejects
-- Returns 1, or 0 if the job is not reducing or these are not its partials.
local published = KEYS[18]
local id, status, reason = unpack(ARGV, 1, 3)

local position = 4
local function next_list()
  local items = {}
  for offset = 1, tonumber(ARGV[position]) do
    items[offset] = ARGV[position + offset]
  end
  position = position + #items + 1
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
  for index = 1, #fields, 2 do
    redis.call('HSET', key, fields[index], fields[index + 1])
  end
end
for _, reject in ipairs(next_list()) do
  redis.call('RPUSH', rejects, reject)
end
end_job(status, reason)

if status ~= 'completed' then return 1 end
local sequence = redis.call('HGET', job, 'sequence')
local published_sequence, published_keys = unpack(redis.call('HMGET', published, 'sequence', 'keys'))
if published_sequence and tonumber(published_sequence) > tonumber(sequence) then return 1 end
if published_keys then
  local old_keys = cjson.decode(published_keys)
  local ttl_ms = redis.call('HGET', old_keys[1], 'ttl_ms')
  for _, key in ipairs(old_keys) do
    redis.call('PEXPIRE', key, ttl_ms)
  end
end
local keys = { job, batches, cube, metrics, rejects }
for _, key in ipairs(keys) do
  redis.call('PERSIST', key)
end
redis.call('HSET', published, 'job', id, 'sequence', sequence, 'keys', cjson.encode(keys))
return 1
