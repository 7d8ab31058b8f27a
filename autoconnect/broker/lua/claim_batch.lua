-- A worker that has an item in its claimed list takes the batch, or drops the item where there is nothing to do.
-- KEYS  16 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker
-- Returns the batch as JSON and the job's source, size, mtime_ns, layout and the batch's lines (false but for inline);
-- or nothing.
local batch = held_batch(ARGV[2], ARGV[3], ARGV[4])
if not batch then
  redis.call('LREM', KEYS[16], 0, ARGV[1])
  refill()
  return false
end
batch.state = 'claimed'
batch.worker = ARGV[4]
write_batch(ARGV[3], batch)
refill()
local about = redis.call('HMGET', job, 'source', 'size', 'mtime_ns', 'layout')
return { cjson.encode(batch), about[1], about[2], about[3], about[4], redis.call('HGET', lines, ARGV[3]) }
