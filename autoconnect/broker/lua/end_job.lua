-- Ends a job without a result: cancelled or failed.
-- ARGV  1 status, 2 reason
-- Returns 1, or 0 if there is no such job or it has ended already.
local status, reason = unpack(ARGV, 1, 2)
local current = redis.call('HGET', job, 'status')
if not current or current == 'completed' or current == 'failed' or current == 'cancelled' then return 0 end
end_job(status, reason)
return 1
