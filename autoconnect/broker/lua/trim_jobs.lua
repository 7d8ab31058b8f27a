-- Removes what is left of jobs that have expired, their entries in the indexes too, and the oldest ended jobs if more than
-- KEEP_JOBS are kept, but not the published one. Looks at a limited number of jobs: call it again and again.
-- KEYS  16 to 24 those of an empty id
-- ARGV  1 KEEP_JOBS, 2 number of jobs to look at, 3 sequence number after which to look for jobs that have expired
-- Returns the number of ended jobs that were removed, and the last sequence number looked at, 0 after the newest job.
local keep, count, sequence = unpack(ARGV, 1, 3)
local looked_at = redis.call('ZRANGE', jobs, '(' .. sequence, '+inf', 'BYSCORE', 'LIMIT', 0, count, 'WITHSCORES')
for index = 1, #looked_at, 2 do
  local id = id_of(looked_at[index])
  turn_to(id)
  if redis.call('EXISTS', job) == 0 then remove_job() end
  if redis.call('EXISTS', cube, rejects) == 0 then redis.call('ZREM', results, id) end
  if redis.call('EXISTS', partials) == 0 then redis.call('ZREM', retained, id) end
end

local published_id = redis.call('HGET', published, 'job')
local removed = 0
local surplus = math.min(redis.call('ZCARD', ended) - keep, count)
local oldest = surplus > 0 and redis.call('ZRANGE', ended, 0, surplus) or {} -- one more, for the published job
for _, id in ipairs(oldest) do
  turn_to(id)
  if is_open() then
    redis.call('ZREM', ended, id) -- an older version left it there when a job of this id was created again
    surplus = surplus - 1
  elseif id ~= published_id and removed < surplus then
    remove_job()
    removed = removed + 1
  end
end
return { removed, #looked_at == 2 * count and looked_at[#looked_at] or '0' }
