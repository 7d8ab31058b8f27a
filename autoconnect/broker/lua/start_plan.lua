-- A job that is queued, or was found in planning, is planned (anew) under a generation number of its own.
-- The number is a time, so that it is new even where Redis has come back in an earlier state.
-- Returns the generation, or 0 where the job is not to be planned.
local status = redis.call('HGET', job, 'status')
if status ~= 'queued' and status ~= 'planning' then return 0 end
redis.call('HSETNX', job, 'started_at', now_ms())
local last = tonumber(redis.call('HGET', job, 'last_plan') or '0')
local generation = string.format('%d', math.max(last + 1, tonumber(now_ms())))
redis.call('HSET', job, 'status', 'planning', 'last_plan', generation)
announce()
return tonumber(generation)
