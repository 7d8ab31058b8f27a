-- A worker takes an item off the ready list, if there is one, while it has batches of a plan that are not yet committed.
-- KEYS  18 the worker's claimed list
-- ARGV  1 id, 2 generation, 3 worker
-- Returns what `hand_out` does.
local handed = hand_out(KEYS[18], ARGV[1], ARGV[2], ARGV[3], true)
refill()
return handed
