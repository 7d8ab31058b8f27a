-- Begins to plan a job that is queued or was found in planning, under a new generation. A job whose plan is of an older
-- version, and so has no `dialect`, is planned again.
-- Returns the generation, or 0 if the job is not to be planned.
local status = redis.call('HGET', job, 'status')
if (status == 'running' or status == 'reducing') and redis.call('HEXISTS', job, 'dialect') == 0 then
  drop_plan()
elseif status ~= 'queued' and status ~= 'planning' then
  return 0
end
redis.call('HSETNX', job, 'started_at', now_ms())
local generation = new_generation()
redis.call('HSET', job, 'status', 'planning', 'last_plan', generation)
announce()
return tonumber(generation)
