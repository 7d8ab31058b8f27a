-- Lets a reducer work on a job: its lease becomes the job's. If the job has the lease of a reducer that is dead, that
-- death counts, and at the last one allowed the job fails: its partials may be what kills reducers.
-- KEYS  25 the reducer's lease
-- ARGV  1 lease in ms, 2 whether a reducer without a lease may be judged dead (1 or 0), 3 MAX_DEATHS
-- Returns the status, the limit of cells ('' if none) and a list of the names of all partials; or the message with which
-- the job has failed now; or false if the job is neither running nor reducing, or another reducer works on it.
local lease = KEYS[25]
local lease_ms, may_judge, max_deaths = unpack(ARGV, 1, 3)
local status, reducer, max_cells = unpack(redis.call('HMGET', job, 'status', 'reducer', 'max_cells'))
if status ~= 'running' and status ~= 'reducing' then return false end
if reducer and reducer ~= lease and redis.call('EXISTS', reducer) == 1 then return false end
renew_reducer(lease, lease_ms)
if reducer and reducer ~= lease and may_judge == '1' then
  local deaths = redis.call('HINCRBY', job, 'reducer_deaths', 1)
  if deaths >= tonumber(max_deaths) then
    local message = string.format('Reducing the job failed: the process that did it died %d times.', deaths)
    end_job('failed', message)
    return message
  end
end
redis.call('HSET', job, 'reducer', lease)
return { status, max_cells or '', redis.call('SMEMBERS', partials) }
