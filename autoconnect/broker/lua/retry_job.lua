-- Runs a failed job again: from where it stopped if its plan and partials are still there, otherwise from the start.
-- ARGV  1 job id, 2 name of the call
-- Returns 1, or 0 if the job has not failed.
local id, call = unpack(ARGV, 1, 2)
local status, last_call = unpack(redis.call('HMGET', job, 'status', 'last_call'))
if last_call == call then return 1 end -- this call was sent before
if status ~= 'failed' then return 0 end
redis.call('SADD', open, id) -- first, so that a full Redis refuses the retry
redis.call('UNLINK', cube, metrics, rejects)
for _, key in ipairs({ job, batches, partials, events }) do
  redis.call('PERSIST', key)
end
redis.call('HSET', job, 'last_call', call)
redis.call('HDEL', job, 'error', 'finished_at', 'started_at', 'result_bytes', 'removed_at', 'reducer', 'reducer_deaths')
redis.call('ZREM', ended, id)
redis.call('ZREM', results, id)
redis.call('ZREM', retained, id)

local done = tonumber(redis.call('HGET', job, 'done'))
-- Without `dialect`, an older version made the plan; without `max_cells`, the job failed for good, maybe at a limit that
-- has been changed since.
local can_resume = redis.call('HGET', job, 'transport') == 'range' and redis.call('HEXISTS', job, 'dialect') == 1
  and redis.call('HEXISTS', job, 'max_cells') == 1 and redis.call('EXISTS', batches) == 1
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
