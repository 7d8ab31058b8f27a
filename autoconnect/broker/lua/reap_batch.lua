-- Takes a batch from a worker that is dead: its heartbeat, looked at here and now, is gone.
-- KEYS  16 the worker's claimed list, 17 its heartbeat
-- ARGV  1 item, 2 generation, 3 batch, 4 worker, 5 MAX_DEATHS
-- Returns 1 where the batch goes to another worker, else 0.
if redis.call('EXISTS', KEYS[17]) == 1 then return 0 end
local batch = take_item(KEYS[16], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
if not batch then return 0 end
requeue(ARGV[1], ARGV[3], batch, batch.state == 'claimed' and DEATHS, ARGV[5], 'its worker died.')
return 1
