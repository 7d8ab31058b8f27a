-- Gives a batch back: because mapping it failed, or because its worker has to stop.
-- KEYS  25 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch number, 4 worker, 5 MAX_ATTEMPTS, or 0 if mapping did not fail, 6 reason
-- Returns 1, the message with which the job failed, or 0 if the worker no longer has the batch.
local claimed = KEYS[25]
local item, generation, batch_number, worker, max_attempts, reason = unpack(ARGV, 1, 6)
local batch = remove_item(claimed, item, generation, batch_number, worker)
if not batch then return 0 end
return put_back(item, batch_number, batch, worker, max_attempts ~= '0' and ATTEMPTS, max_attempts, reason) or 1
