-- Says that a job no longer waits for memory.
-- Returns nothing.
if redis.call('HDEL', job, 'waits_for', 'waits_since') > 0 and is_open() then announce() end
