-- Ends a job before its result is there: cancelled, or failed.
-- ARGV  1 status, 2 reason
-- Returns 1, or 0 where it had ended already.
local status = redis.call('HGET', job, 'status')
if not status or status == 'completed' or status == 'failed' or status == 'cancelled' then return 0 end
end_job(ARGV[1], ARGV[2])
return 1
