-- Stages batches of a plan; in the same step they get a life time, as whoever stages them may die before the plan is whole.
-- KEYS  9 the staged batches
-- ARGV  1 life time in s, then number and batch as JSON of each
redis.call('HSET', KEYS[9], unpack(ARGV, 2))
redis.call('EXPIRE', KEYS[9], ARGV[1])
