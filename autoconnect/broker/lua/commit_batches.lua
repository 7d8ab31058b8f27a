-- Writes the partial of some batches of a plan, once: the first commit wins. Where one of them is done already, nothing is
-- written: that one is discarded and counted, and the others stay claimed. Of a plan that does not run, all are discarded.
-- KEYS  18 the worker's claimed list, 19 the partial
-- ARGV  1 id, 2 generation, 3 worker, 4 whether it wants another batch, 5 rows accepted, 6 rows rejected,
--       then three lists, each its length before it: batches, reason and count of each, field and value of the partial
-- Returns 1 where it counted, else 0; and what `hand_out` does, or false.
local place = 7
local function next_list()
  local first = place + 1
  place = first + tonumber(ARGV[place])
  return first, place - 1
end

local function drop(number)
  redis.call('LREM', KEYS[18], 0, ARGV[1] .. ':' .. ARGV[2] .. ':' .. number)
end

local function answer(counted)
  local handed = ARGV[4] == '1' and hand_out(KEYS[18], ARGV[1], ARGV[2], ARGV[3])
  refill()
  return { counted, handed }
end

local first, last = next_list()
local running = runs(ARGV[2])
local mapped, discarded = {}, 0
for index = first, last do
  local number = ARGV[index]
  local batch = running and read_batch(number)
  if batch and batch.state ~= 'done' then
    mapped[number] = batch
  else
    drop(number)
    discarded = discarded + 1
  end
end
if discarded > 0 then
  if redis.call('EXISTS', job) == 1 then redis.call('HINCRBY', job, 'discarded', discarded) end
  count('discarded', discarded)
  return answer(0)
end

local bytes = 0
for number, batch in pairs(mapped) do
  batch.state = 'done'
  batch.error = nil
  batch.backup = nil
  write_batch(number, batch)
  redis.call('HDEL', lines, number)
  drop(number)
  bytes = bytes + batch.length
end
local reasons_from, reasons_to = next_list()
for index = reasons_from, reasons_to, 2 do
  redis.call('HINCRBY', job, 'rejected:' .. ARGV[index], ARGV[index + 1])
end
local fields_from, fields_to = next_list()
for index = fields_from, fields_to, 2 do
  redis.call('HSET', KEYS[19], ARGV[index], ARGV[index + 1])
end
redis.call('SADD', partials, KEYS[19])
redis.call('HINCRBY', job, 'rows_accepted', ARGV[5])
redis.call('HINCRBY', job, 'rows_rejected', ARGV[6])
redis.call('HINCRBY', job, 'rows_read', ARGV[5] + ARGV[6])
redis.call('HINCRBY', job, 'bytes_done', bytes)
redis.call('HSET', job, 'committed_at', now_ms())
local about = redis.call('HMGET', job, 'total', 'transport')
if redis.call('HINCRBY', job, 'done', last - first + 1) == tonumber(about[1]) then
  redis.call('HSET', job, 'status', 'reducing')
end
redis.call('RPUSH', aggregator, ARGV[1])
if about[2] == 'inline' then redis.call('RPUSH', orchestrator, ARGV[1]) end
count('batches_done', last - first + 1)
announce()
return answer(1)
