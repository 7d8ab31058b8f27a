-- Writes a new job and wakes the orchestrator.
-- ARGV  1 job id, 2 source, 3 life time after the job's end in ms, 4 whether its result may be published (1 or 0),
--       5 MAX_OPEN_JOBS, or 0 for no limit, 6 what the user gives of the dialect, as JSON
-- Returns 1, 0 if the job exists already, -1 if too many jobs are open.
local id, source, ttl_ms, may_publish, max_open, options = unpack(ARGV, 1, 6)
if redis.call('EXISTS', job) == 1 then return 0 end
if max_open ~= '0' and redis.call('SCARD', open) >= tonumber(max_open) then return -1 end
local sequence = redis.call('INCR', last_sequence) -- first, so that a full Redis refuses the job
remove_job() -- one of this id may have expired
redis.call('HSET', job, 'id', id, 'source', source, 'ttl_ms', ttl_ms, 'publish', may_publish, 'status', 'queued',
  'options', options, 'sequence', sequence, 'created_at', now_ms(), 'generation', 0, 'total', 0, 'done', 0,
  'retried', 0, 'dead', 0, 'discarded', 0, 'bytes_total', 0, 'bytes_done', 0, 'rows_read', 0, 'rows_accepted', 0,
  'rows_rejected', 0)
redis.call('ZADD', jobs, sequence, job)
redis.call('SADD', open, id)
redis.call('RPUSH', orchestrator, id)
announce()
return 1
