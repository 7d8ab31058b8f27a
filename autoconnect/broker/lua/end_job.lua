-- Ends a job without a result: cancelled or failed.
-- ARGV  1 status, 2 reason, 3 name of the call
-- Returns 1, or 0 if there is no such job or it has ended already.
local status, reason, call = unpack(ARGV, 1, 3)
if redis.call('HGET', job, 'last_call') == call then return 1 end -- this call was sent before
if not is_open() then return 0 end
end_job(status, reason)
redis.call('HSET', job, 'last_call', call)
return 1
