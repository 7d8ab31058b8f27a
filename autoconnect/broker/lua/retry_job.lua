-- Runs a failed job again: from where it stopped if its plan and partials are still there, otherwise from the start.
-- ARGV  1 job id
-- Returns 1, or 0 if the job has not failed.
local id = ARGV[1]
if redis.call('HGET', job, 'status') ~= 'failed' then return 0 end
redis.call('DEL', cube, metrics, rejects)
for _, key in ipairs({ job, batches, partials, events }) do
  redis.call('PERSIST', key)
end
redis.call('HDEL', job, 'error', 'finished_at', 'started_at')
redis.call('SADD', open, id)

local done = tonumber(redis.call('HGET', job, 'done'))
-- Without `parts`, an older version made the plan.
local can_resume = redis.call('HGET', job, 'transport') == 'range' and redis.call('HEXISTS', job, 'parts') == 1
  and redis.call('EXISTS', batches) == 1
for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
  can_resume = redis.call('PERSIST', partial) == 1 and can_resume
end
if not can_resume or (done > 0 and redis.call('EXISTS', partials) == 0) then
  drop_plan()
  redis.call('HSET', job, 'status', 'queued')
  redis.call('RPUSH', orchestrator, id)
  announce()
  return 1
end

-- The plan stays the same under a new generation: items still in lists, and late commits, belong to the old one.
local generation = new_generation()
redis.call('HSET', job, 'generation', generation, 'last_plan', generation)
for number = 0, redis.call('HLEN', batches) - 1 do
  local batch = read_batch(number)
  if batch.state ~= 'done' then
    write_batch(number, { state = 'waiting', part = batch.part, offset = batch.offset, length = batch.length,
      attempts = 0, deaths = 0 })
    redis.call('RPUSH', waiting, item_of(id, generation, number))
  end
end
redis.call('HSET', job, 'status', 'running', 'dead', 0, 'started_at', now_ms())
activate()
refill()
announce()
return 1
