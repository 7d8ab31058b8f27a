-- A worker that has an item in its claimed list takes the batch, or drops the item where there is nothing to do for it.
-- KEYS  18 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker
-- Returns what `claim_item` does.
local claim = claim_item(KEYS[18], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
refill()
return claim or false
