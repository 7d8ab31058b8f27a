-- Publishes the result of a completed job, even if the result of a newer job is published.
-- ARGV  1 name of the call
-- Returns 1, or 0 if the job has no result, or one without an accepted row.
local call = ARGV[1]
if redis.call('HGET', published, 'call') == call then return 1 end -- this call was sent before
local status, rows_accepted = unpack(redis.call('HMGET', job, 'status', 'rows_accepted'))
if status ~= 'completed' or rows_accepted == '0' or redis.call('EXISTS', cube) == 0 then return 0 end
publish(redis.call('GET', last_sequence)) -- jobs created so far do not replace it
redis.call('HSET', published, 'call', call)
announce_after_end()
return 1
