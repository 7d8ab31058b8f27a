-- Says that an open job waits for memory, and since when.
-- Returns nothing.
redis.call('HDEL', job, 'waits_for') -- a full Redis does not refuse a script that begins with HDEL
if not is_open() then return end
redis.call('HSET', job, 'waits_for', 'memory')
if redis.call('HSETNX', job, 'waits_since', now_ms()) == 1 then announce() end
