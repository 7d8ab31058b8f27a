-- Makes a staged plan visible: the job moves from planning to running, or to reducing where it has no batches.
-- KEYS  18 the staged batches
-- ARGV  1 id, 2 generation, 3 number of batches, 4 bytes, 5 size, 6 mtime_ns, 7 layout, 8 transport
-- Returns 1, or 0 where the plan does not count: only the first one does, and none of a job that has ended, nor one that
-- was begun before the job had to be planned anew.
local about = redis.call('HMGET', job, 'status', 'replanned')
if about[1] ~= 'planning' then return 0 end
if about[2] and tonumber(ARGV[2]) <= tonumber(about[2]) then return 0 end
local total = tonumber(ARGV[3])
if redis.call('HLEN', KEYS[18]) ~= total then return 0 end -- Redis came back without some of them
redis.call('HSET', job, 'total', ARGV[3], 'bytes_total', ARGV[4], 'size', ARGV[5], 'mtime_ns', ARGV[6],
  'layout', ARGV[7], 'transport', ARGV[8], 'generation', ARGV[2])
if total == 0 then
  redis.call('HSET', job, 'status', 'reducing')
  redis.call('RPUSH', aggregator, ARGV[1])
else
  redis.call('RENAME', KEYS[18], batches)
  redis.call('PERSIST', batches)
  redis.call('HSET', job, 'status', 'running')
  if ARGV[8] == 'inline' then
    redis.call('HSET', job, 'fed', 0)
    redis.call('RPUSH', orchestrator, ARGV[1])
  else
    for number = 0, total - 1 do
      redis.call('RPUSH', waiting, string.format('%s:%s:%d', ARGV[1], ARGV[2], number))
    end
    activate()
  end
  refill()
end
announce()
return 1
