-- A failed job runs again: from where it was, if its plan and its partials are still there, else from the start.
-- ARGV  1 id
-- Returns 1, or 0 where the job has not failed.
if redis.call('HGET', job, 'status') ~= 'failed' then return 0 end
redis.call('DEL', cube, metrics, rejects)
for _, key in ipairs({ job, batches, partials, events }) do
  redis.call('PERSIST', key)
end
redis.call('HDEL', job, 'error', 'finished_at', 'started_at')
redis.call('SADD', open, ARGV[1])

local done = tonumber(redis.call('HGET', job, 'done'))
local complete = redis.call('HGET', job, 'transport') == 'range' and redis.call('EXISTS', batches) == 1
for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
  complete = redis.call('PERSIST', partial) == 1 and complete
end
if not complete or (done > 0 and redis.call('EXISTS', partials) == 0) then
  drop_plan()
  redis.call('HSET', job, 'status', 'queued')
  redis.call('RPUSH', orchestrator, ARGV[1])
  announce()
  return 1
end

-- The plan is the same, but under another number: what lists still hold of it, and late commits, are of an older one.
local generation = new_generation()
redis.call('HSET', job, 'generation', generation, 'last_plan', generation)
for number = 0, redis.call('HLEN', batches) - 1 do
  local batch = read_batch(number)
  if batch.state ~= 'done' then
    write_batch(number, { state = 'waiting', offset = batch.offset, length = batch.length, attempts = 0, deaths = 0 })
    redis.call('RPUSH', waiting, string.format('%s:%s:%d', ARGV[1], generation, number))
  end
end
redis.call('HSET', job, 'status', 'running', 'dead', 0, 'started_at', now_ms())
activate()
refill()
announce()
return 1
