-- A worker that has an item in its claimed list takes the batch, or drops the item where there is nothing to do for it.
-- KEYS  18 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker
-- Returns what `claim_item` does.
-- A worker that stood still may have been taken for dead: the item is then in another list, and no claim of it is leased.
local claim = redis.call('LPOS', KEYS[18], ARGV[1]) and claim_item(KEYS[18], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
refill()
return claim or false
