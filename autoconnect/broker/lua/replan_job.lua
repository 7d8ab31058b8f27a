-- A worker has seen that a record goes on behind its batch's edge: nothing of this plan stays, and the job goes back to
-- planning, to be cut between records (`replanned` is the last plan that was not). Where it was, the batch is dead.
-- KEYS  18 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker, 5 id, 6 the reason where the job fails
-- Returns 1, or 0 where the batch was not the worker's any more.
local batch = remove_item(KEYS[18], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
if not batch then return 0 end
if redis.call('HEXISTS', job, 'replanned') == 1 then
  kill_batch(ARGV[3], batch, ARGV[6], ARGV[6])
  return 1
end
drop_plan()
redis.call('HSET', job, 'status', 'planning', 'replanned', redis.call('HGET', job, 'last_plan'))
redis.call('RPUSH', orchestrator, ARGV[5])
refill()
announce()
return 1
