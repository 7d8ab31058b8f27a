-- Puts the next batch's lines into Redis, and the batch on the waiting list (BATCH_TRANSPORT=inline).
-- ARGV  1 item, 2 generation, 3 batch, 4 lines
-- Returns 1, or 0 where it is not that batch's turn.
if not runs(ARGV[2]) or redis.call('HGET', job, 'fed') ~= ARGV[3] then return 0 end
redis.call('HSET', lines, ARGV[3], ARGV[4])
redis.call('HSET', job, 'fed', ARGV[3] + 1)
redis.call('RPUSH', waiting, ARGV[1])
activate()
refill()
return 1
