-- Reclaims a batch from a dead worker; the script itself checks that the worker's heartbeat is gone.
-- KEYS  25 the worker's claimed list, 26 its heartbeat
-- ARGV  1 item, 2 generation, 3 batch number, 4 worker, 5 MAX_DEATHS
-- Returns 1 if the batch was reclaimed, or the message with which the job failed at its last death; otherwise 0.
local claimed, heartbeat = KEYS[25], KEYS[26]
local item, generation, batch_number, worker, max_deaths = unpack(ARGV, 1, 5)
if redis.call('EXISTS', heartbeat) == 1 then return 0 end
local batch = remove_item(claimed, item, generation, batch_number, worker)
if not batch then return 0 end
local was_mapping = batch.state == 'claimed' and (batch.worker == worker or batch.backup == worker)
count('reclaimed', 1)
return put_back(item, batch_number, batch, worker, was_mapping and DEATHS, max_deaths, 'its worker died.') or 1
