-- Takes a batch from a worker that is dead: its heartbeat, looked at here and now, is gone.
-- KEYS  18 the worker's claimed list, 19 its heartbeat
-- ARGV  1 item, 2 generation, 3 batch, 4 worker, 5 MAX_DEATHS
-- Returns 1 where the batch goes to another worker, else 0.
if redis.call('EXISTS', KEYS[19]) == 1 then return 0 end
local batch = remove_item(KEYS[18], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
if not batch then return 0 end
local had_it = batch.state == 'claimed' and (batch.worker == ARGV[4] or batch.backup == ARGV[4])
count('reclaimed', 1)
give_up(ARGV[1], ARGV[3], batch, ARGV[4], had_it and DEATHS, ARGV[5], 'its worker died.')
return 1
