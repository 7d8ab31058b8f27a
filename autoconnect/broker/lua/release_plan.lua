-- Makes a staged plan visible: the job moves from planning to running, or to reducing if the plan has no batches.
-- KEYS  25 the staged batches
-- ARGV  1 job id, 2 generation, 3 number of batches, 4 bytes of all batches, 5 transport, 6 limit of the job's cells,
--       7 dialect and 8 notes that the job shows, as JSON, then the JSON of each part
-- Returns 1, or 0 if the plan does not count: another was released first, the job has ended, the plan was begun before
-- the job went back to planning, or it is of an earlier job of this id, which Redis has lost.
local staged = KEYS[25]
local id, generation, batch_count, bytes_total, transport, max_cells, dialect, notes = unpack(ARGV, 1, 8)
local status, replanned, created_at = unpack(redis.call('HMGET', job, 'status', 'replanned', 'created_at'))
if status ~= 'planning' or tonumber(generation) < tonumber(created_at) then return 0 end
if replanned and tonumber(generation) <= tonumber(replanned) then return 0 end
local total = tonumber(batch_count)
if redis.call('HLEN', staged) ~= total then return 0 end -- Redis came back without some of them
redis.call('HSET', job, 'total', batch_count, 'bytes_total', bytes_total, 'transport', transport,
  'generation', generation, 'max_cells', max_cells, 'dialect', dialect, 'notes', notes,
  'parts', #ARGV - 8)
for index = 9, #ARGV do
  redis.call('HSET', job, 'part:' .. index - 9, ARGV[index])
end
if total == 0 then
  redis.call('HSET', job, 'status', 'reducing')
  redis.call('RPUSH', aggregator, id)
else
  redis.call('RENAME', staged, batches)
  redis.call('PERSIST', batches)
  redis.call('HSET', job, 'status', 'running')
  if transport == 'inline' then
    redis.call('HSET', job, 'fed', 0)
    redis.call('RPUSH', orchestrator, id)
  else
    for number = 0, total - 1 do
      redis.call('RPUSH', waiting, item_of(id, generation, number))
    end
    activate()
  end
  refill()
end
announce()
return 1
