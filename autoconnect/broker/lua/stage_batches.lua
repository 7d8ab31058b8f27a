-- Stages batches of a plan. They get a life time in the same step: the orchestrator may die before the last one.
-- KEYS  16 the staged batches
-- ARGV  1 life time in s, then the number and the JSON of each batch
-- Returns nothing.
local staged, ttl_s = KEYS[16], ARGV[1]
redis.call('HSET', staged, unpack(ARGV, 2))
redis.call('EXPIRE', staged, ttl_s)
