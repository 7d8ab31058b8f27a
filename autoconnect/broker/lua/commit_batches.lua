-- Commits the partial of one or more batches of a plan, once: the first commit of a batch counts. If one is done
-- already, nothing is written: that batch is discarded and counted, and the others stay claimed. If the job does not
-- run the plan, all of them are discarded. The partial is staged, or comes with this call if it is small.
-- KEYS  25 the worker's claimed list, 26 the partial
-- ARGV  1 job id, 2 generation, 3 worker, 4 hand out the next item (1 or 0), 5 rows accepted, 6 rows rejected,
--       7 number of fields of the partial, then three lists, each after its length: batch numbers, reasons and their
--       counts, fields and values of the partial unless it is staged
-- Returns 1 if the commit counts, 0 if not, -1 if something staged is lost; and the next item as hand_out does, or false.
local claimed, partial = KEYS[25], KEYS[26]
local id, generation, worker, claim_next, rows_accepted, rows_rejected, field_count = unpack(ARGV, 1, 7)

-- The first and the last index in ARGV of the next list.
local position = 8
local function next_list()
  local first = position + 1
  position = first + tonumber(ARGV[position])
  return first, position - 1
end

local function drop_item(number)
  redis.call('LREM', claimed, 0, item_of(id, generation, number))
end

local function reply(counted)
  local next_item = claim_next == '1' and hand_out(claimed, id, generation, worker)
  refill()
  return { counted, next_item }
end

if redis.call('SISMEMBER', partials, partial) == 1 then return reply(1) end -- this call was sent before
local first, last = next_list()
local running = runs_plan(generation)
local mapped, discarded = {}, 0
for index = first, last do
  local number = ARGV[index]
  local batch = running and read_batch(number)
  if batch and batch.state ~= 'done' then
    mapped[number] = batch
  else
    drop_item(number)
    discarded = discarded + 1
  end
end
if discarded > 0 then
  free_staged(partial)
  if redis.call('EXISTS', job) == 1 then redis.call('HINCRBY', job, 'discarded', discarded) end
  count('discarded', discarded)
  return reply(0)
end

local first_reason, last_reason = next_list()
local first_field, last_field = next_list()
for index = first_field, last_field, 2 do
  redis.call('HSET', partial, ARGV[index], ARGV[index + 1])
end
if redis.call('HLEN', partial) ~= tonumber(field_count) then
  free_staged(partial)
  return { -1, false }
end

local now, bytes, durations_ms = now_ms(), 0, {}
for number, batch in pairs(mapped) do
  batch.state = 'done'
  batch.error = nil
  batch.backup = nil
  write_batch(number, batch)
  free_lines(number, batch)
  drop_item(number)
  bytes = bytes + batch.length
  durations_ms[#durations_ms + 1] = math.max(now - (batch.claimed_at or now), 0)
end
for index = first_reason, last_reason, 2 do
  redis.call('HINCRBY', job, 'rejected:' .. ARGV[index], ARGV[index + 1])
  count('rejected:' .. ARGV[index], ARGV[index + 1])
end
add_partial(partial)
redis.call('HINCRBY', job, 'rows_accepted', rows_accepted)
redis.call('HINCRBY', job, 'rows_rejected', rows_rejected)
redis.call('HINCRBY', job, 'rows_read', rows_accepted + rows_rejected)
redis.call('HINCRBY', job, 'bytes_done', bytes)
redis.call('HSET', job, 'committed_at', now)
local total, transport = unpack(redis.call('HMGET', job, 'total', 'transport'))
if redis.call('HINCRBY', job, 'done', last - first + 1) == tonumber(total) then
  redis.call('HSET', job, 'status', 'reducing')
end
redis.call('RPUSH', aggregator, id)
if transport == 'inline' then redis.call('RPUSH', orchestrator, id) end
count('batches_done', last - first + 1)
count('rows_accepted', rows_accepted)
count_durations('batch_ms', durations_ms)
announce()
return reply(1)
