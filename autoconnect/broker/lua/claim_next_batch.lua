-- Hands out an item of the ready list to a worker that has not yet committed its batches of a plan, and claims it if it
-- is of the same plan.
-- KEYS  25 the worker's claimed list
-- ARGV  1 job id, 2 generation, 3 worker
-- Returns the next item as hand_out does.
local claimed = KEYS[25]
local id, generation, worker = unpack(ARGV, 1, 3)
local next_item = hand_out(claimed, id, generation, worker, true)
refill()
return next_item
