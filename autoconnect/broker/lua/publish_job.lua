-- Publishes the result of a completed job, even if the result of a newer job is published.
-- Returns 1, or 0 if the job has no result.
if redis.call('HGET', job, 'status') ~= 'completed' or redis.call('EXISTS', cube) == 0 then return 0 end
publish(redis.call('GET', last_sequence)) -- jobs created so far do not replace it
return 1
