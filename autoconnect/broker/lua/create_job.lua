-- Writes a new job and wakes the orchestrator.
-- KEYS  18 jobs, 19 sequence
-- ARGV  1 job id, 2 source, 3 life time after the job's end in ms
-- Returns 1, or 0 if the job exists already.
local jobs, last_sequence = KEYS[18], KEYS[19]
local id, source, ttl_ms = unpack(ARGV, 1, 3)
if redis.call('EXISTS', job) == 1 then return 0 end
local sequence = redis.call('INCR', last_sequence)
redis.call('HSET', job, 'id', id, 'source', source, 'ttl_ms', ttl_ms, 'status', 'queued', 'sequence', sequence,
  'created_at', now_ms(), 'generation', 0, 'total', 0, 'done', 0, 'retried', 0, 'dead', 0, 'discarded', 0,
  'bytes_total', 0, 'bytes_done', 0, 'rows_read', 0, 'rows_accepted', 0, 'rows_rejected', 0)
redis.call('ZADD', jobs, sequence, job)
redis.call('SADD', open, id)
redis.call('RPUSH', orchestrator, id)
for _, old_job in ipairs(redis.call('ZRANGE', jobs, 0, 9)) do -- the oldest may have expired
  if redis.call('EXISTS', old_job) == 0 then redis.call('ZREM', jobs, old_job) end
end
announce()
return 1
