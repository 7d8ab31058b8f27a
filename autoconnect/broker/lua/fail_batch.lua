-- A worker has seen in its batch that the job cannot end well: the batch is dead and the job fails, without more attempts.
-- KEYS  16 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker, 5 the reason
-- Returns 1, or 0 where the batch was not the worker's any more.
if redis.call('LREM', KEYS[16], 0, ARGV[1]) == 0 then return 0 end
local batch = held_batch(ARGV[2], ARGV[3], ARGV[4])
if not batch then
  refill()
  return 0
end
kill_batch(ARGV[3], batch, ARGV[5], ARGV[5])
return 1
