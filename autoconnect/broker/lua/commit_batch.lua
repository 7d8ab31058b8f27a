-- Writes the partial of a batch, once: the first commit wins, later ones are discarded and counted,
-- as are those of a job that has ended.
-- KEYS  16 the worker's claimed list, 17 the partial
-- ARGV  1 item, 2 generation, 3 batch, 4 id, 5 partials that wake the aggregator, 6 rows accepted, 7 rows rejected,
--       8 number of reasons, then reason and count of each, then field and value of the partial
-- Returns 1 where it counted, 0 where it was discarded or refused.
local batch = runs(ARGV[2]) and read_batch(ARGV[3])
if not batch or batch.state == 'done' then
  if redis.call('EXISTS', job) == 1 then redis.call('HINCRBY', job, 'discarded', 1) end
  redis.call('LREM', KEYS[16], 0, ARGV[1])
  refill()
  return 0
end
local fields_from = 9 + 2 * ARGV[8]
for place = fields_from, #ARGV, 2 do
  redis.call('HSET', KEYS[17], ARGV[place], ARGV[place + 1])
end
redis.call('SADD', partials, KEYS[17])
batch.state = 'done'
batch.error = nil
write_batch(ARGV[3], batch)
redis.call('HDEL', lines, ARGV[3])
redis.call('HINCRBY', job, 'rows_accepted', ARGV[6])
redis.call('HINCRBY', job, 'rows_rejected', ARGV[7])
redis.call('HINCRBY', job, 'rows_read', ARGV[6] + ARGV[7])
for place = 9, fields_from - 1, 2 do
  redis.call('HINCRBY', job, 'rejected:' .. ARGV[place], ARGV[place + 1])
end
redis.call('HINCRBY', job, 'bytes_done', batch.length)
local about = redis.call('HMGET', job, 'total', 'transport')
if redis.call('HINCRBY', job, 'done', 1) == tonumber(about[1]) then
  redis.call('HSET', job, 'status', 'reducing')
  redis.call('RPUSH', aggregator, ARGV[4])
elseif redis.call('SCARD', partials) >= tonumber(ARGV[5]) then
  redis.call('RPUSH', aggregator, ARGV[4])
end
if about[2] == 'inline' then redis.call('RPUSH', orchestrator, ARGV[4]) end
redis.call('LREM', KEYS[16], 0, ARGV[1])
refill()
announce()
return 1
