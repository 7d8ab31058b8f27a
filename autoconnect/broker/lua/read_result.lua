-- Reads the state of a job's result at one instant. Runs without the prelude.
-- KEYS  1 `published`, 2 the job's hash, 3 its cube; those of an empty id for the published result
-- ARGV  1 job id, '' for the published result
-- Returns the id, whether the cube is there (1 or 0), and the values of the job's fields status, result, removed_at,
-- finished_at, generation, rows_read, rows_rejected, result_bytes; false if there is no such job.
local published, job, cube = unpack(KEYS)
local id = ARGV[1]
if id == '' then
  id = redis.call('HGET', published, 'job')
  if not id then return false end
  job = job .. id
  cube = job .. ':cube'
end
local fields = redis.call('HMGET', job, 'status', 'result', 'removed_at', 'finished_at', 'generation', 'rows_read',
  'rows_rejected', 'result_bytes')
if not fields[1] then return false end
return { id, redis.call('EXISTS', cube), unpack(fields) }
