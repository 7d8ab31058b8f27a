-- A job that is queued, or was found in planning, is planned (anew) under the next generation number.
-- Returns the generation, or 0 where the job is not to be planned.
local status = redis.call('HGET', job, 'status')
if status ~= 'queued' and status ~= 'planning' then return 0 end
redis.call('HSETNX', job, 'started_at', now_ms())
redis.call('HSET', job, 'status', 'planning')
announce()
return redis.call('HINCRBY', job, 'generation', 1)
