-- Fails a job, whose partials need the memory of Redis, or which has waited for memory for too long.
-- ARGV  1 reason, 2 ms for which it must have waited at least, 0 if it need not wait itself, 3 name of the call
-- Returns 1, or 0 if the job has ended or has not waited as long.
local reason, least_wait_ms, call = unpack(ARGV, 1, 3)
local waits_since, last_call = unpack(redis.call('HMGET', job, 'waits_since', 'last_call'))
if last_call == call then return 1 end -- this call was sent before
if not is_open() then return 0 end
if least_wait_ms ~= '0' and now_ms() - (waits_since or now_ms()) < tonumber(least_wait_ms) then return 0 end
end_job('failed', reason)
redis.call('HSET', job, 'last_call', call)
return 1
