-- Marks a batch dead and fails its job without further attempts: its worker saw that the job cannot end well.
-- KEYS  25 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch number, 4 worker, 5 reason
-- Returns 1, or 0 if the worker no longer has the batch.
local claimed = KEYS[25]
local item, generation, batch_number, worker, reason = unpack(ARGV, 1, 5)
local batch = remove_item(claimed, item, generation, batch_number, worker)
if not batch then return 0 end
kill_batch(batch_number, batch, reason, reason)
return 1
