-- Drops the plan of a job and moves the job back to planning, to be cut between records: a worker saw a record that
-- continues after the edge of its batch. `replanned` is the last plan that was cut between lines. If the job was
-- replanned before, the batch is dead instead, and the job fails.
-- KEYS  25 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch number, 4 worker, 5 job id, 6 reason if the job fails
-- Returns 1, or 0 if the worker no longer has the batch.
local claimed = KEYS[25]
local item, generation, batch_number, worker, id, reason = unpack(ARGV, 1, 6)
local batch = remove_item(claimed, item, generation, batch_number, worker)
if not batch then return 0 end
if redis.call('HEXISTS', job, 'replanned') == 1 then
  kill_batch(batch_number, batch, reason, reason)
  return 1
end
drop_plan()
redis.call('HSET', job, 'status', 'planning', 'replanned', redis.call('HGET', job, 'last_plan'))
redis.call('RPUSH', orchestrator, id)
refill()
announce()
return 1
