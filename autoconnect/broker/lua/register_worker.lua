-- Writes a worker's heartbeat, which is the lease of everything it will claim.
-- KEYS  16 the heartbeat
-- ARGV  1 lease in ms, then fields and values that describe the worker
-- Returns nothing.
local heartbeat, lease_ms = KEYS[16], ARGV[1]
redis.call('DEL', heartbeat) -- a full Redis does not refuse a script that begins with DEL
redis.call('HSET', heartbeat, unpack(ARGV, 2))
redis.call('PEXPIRE', heartbeat, lease_ms)
redis.call('ZADD', workers, now_ms(), heartbeat)
check_leases(lease_ms)
refill()
