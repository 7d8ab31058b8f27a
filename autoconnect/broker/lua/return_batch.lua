-- A worker gives a claimed batch back: because mapping it failed, or because the worker has to stop.
-- KEYS  16 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker, 5 MAX_ATTEMPTS or 0 where nothing failed, 6 the reason
-- Returns 1, or 0 where the worker did not have it any more.
redis.call('LREM', KEYS[16], 0, ARGV[1])
local batch = runs(ARGV[2]) and read_batch(ARGV[3])
if not batch or batch.state ~= 'claimed' or batch.worker ~= ARGV[4] then
  refill()
  return 0
end
requeue(ARGV[1], ARGV[3], batch, ARGV[5] ~= '0' and ATTEMPTS, ARGV[5], ARGV[6])
return 1
