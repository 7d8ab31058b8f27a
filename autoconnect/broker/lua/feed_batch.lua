-- Feeds an inline job its next batch: puts the lines into Redis, and the item on the waiting list.
-- ARGV  1 item, 2 generation, 3 batch number, 4 the batch's lines
-- Returns 1, or 0 if it is not this batch's turn.
local item, generation, batch_number, batch_lines = unpack(ARGV, 1, 4)
if not runs_plan(generation) or redis.call('HGET', job, 'fed') ~= batch_number then return 0 end
redis.call('HSET', lines, batch_number, batch_lines)
redis.call('HSET', job, 'fed', batch_number + 1)
redis.call('RPUSH', waiting, item)
activate()
refill()
return 1
