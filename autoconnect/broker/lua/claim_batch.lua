-- Claims the batch of an item in a worker's claimed list, or drops the item if there is nothing to do for it.
-- KEYS  25 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch number, 4 worker
-- Returns the claim as claim_item does, or false.
local claimed = KEYS[25]
local item, generation, batch_number, worker = unpack(ARGV, 1, 4)
-- A worker that was paused may have been reaped: its item is then in another list, and a claim would have no lease.
local claim = redis.call('LPOS', claimed, item) and claim_item(claimed, item, generation, batch_number, worker)
refill()
return claim or false
