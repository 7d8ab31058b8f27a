-- Writes a worker's heartbeat, the lease of all it will claim.
-- KEYS  9 the heartbeat
-- ARGV  1 lease in ms, then field and value of what is known of the worker
redis.call('DEL', KEYS[9]) -- so that a Redis that is full does not refuse
redis.call('HSET', KEYS[9], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[9], ARGV[1])
redis.call('ZADD', workers, now_ms(), KEYS[9])
check_leases(ARGV[1])
refill()
