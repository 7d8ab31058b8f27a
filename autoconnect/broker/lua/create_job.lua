-- Writes a new job and wakes the orchestrator.
-- KEYS  18 jobs, 19 sequence
-- ARGV  1 id, 2 source, 3 life time after the job's end in ms
-- Returns 1, or 0 where the job is there already.
if redis.call('EXISTS', job) == 1 then return 0 end
local sequence = redis.call('INCR', KEYS[19])
redis.call('HSET', job, 'id', ARGV[1], 'source', ARGV[2], 'ttl_ms', ARGV[3], 'status', 'queued', 'sequence', sequence,
  'created_at', now_ms(), 'generation', 0, 'total', 0, 'done', 0, 'retried', 0, 'dead', 0, 'discarded', 0,
  'bytes_total', 0, 'bytes_done', 0, 'rows_read', 0, 'rows_accepted', 0, 'rows_rejected', 0)
redis.call('ZADD', KEYS[18], sequence, job)
redis.call('SADD', open, ARGV[1])
redis.call('RPUSH', orchestrator, ARGV[1])
for _, old in ipairs(redis.call('ZRANGE', KEYS[18], 0, 9)) do -- the oldest may have expired
  if redis.call('EXISTS', old) == 0 then redis.call('ZREM', KEYS[18], old) end
end
announce()
return 1
