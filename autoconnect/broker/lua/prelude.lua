-- Put before every script but those that `connection.py` lists: names for the keys that scripts share, and the
-- functions that several of them call.
--   KEYS[1..15]   shared by all jobs
--   KEYS[16..24]  those of one job; a script that concerns no job has its own keys from KEYS[16]
--   KEYS[25..]    the script's own, as its header says
-- In this order: time, generations, items, counters; leases and the ready list; batches; claiming (claim_item, hand_out);
-- freeing; webhooks; ending, publishing and removing a job; giving back, reclaiming and killing batches (remove_item,
-- kill_batch, put_back).
local ready, turns, workers, live, open, orchestrator, aggregator, counters = unpack(KEYS, 1, 8)
local jobs, last_sequence, published, ended, results, retained, staging = unpack(KEYS, 9, 15)
local job, batches, waiting, lines, partials, cube, metrics, rejects, events = unpack(KEYS, 16, 24)

local ATTEMPTS, DEATHS = 'attempts', 'deaths'
local EVENTS_KEPT = 1000
local KEPT_FOR_RETRY_MS = 3600000
local WEBHOOKS_KEPT, WEBHOOK_LIFE_MS = 1000, 86400000

-- The server's time in ms since 1970, as text.
local function now_ms()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
end

-- A new generation for a plan of the job: a time, so that it is new even if Redis came back in an earlier state. It is
-- not before the job's creation, even if the server's clock was set back.
local function new_generation()
  local last_plan, created_at = unpack(redis.call('HMGET', job, 'last_plan', 'created_at'))
  return string.format('%d', math.max(tonumber(last_plan or '0') + 1, tonumber(created_at), tonumber(now_ms())))
end

-- The id of a job, from the key of its hash.
local function id_of(job)
  return string.match(job, '[^:]+$')
end

-- Turns to the job of an id: from now on, `job`, `batches` and so on are its keys, for all functions here.
local function turn_to(id)
  job = string.match(job, '^.*:') .. id
  batches, waiting, lines, partials = job .. ':batches', job .. ':waiting', job .. ':lines', job .. ':partials'
  cube, metrics, rejects, events = job .. ':cube', job .. ':metrics', job .. ':rejects', job .. ':events'
end

-- Whether the job exists and has not ended.
local function is_open()
  local status = redis.call('HGET', job, 'status')
  return status and status ~= 'completed' and status ~= 'failed' and status ~= 'cancelled'
end

-- An item: the id of a batch. With '' as the number, it is the prefix of all items of a plan.
local function item_of(id, generation, number)
  return id .. ':' .. generation .. ':' .. number
end

local function count(counter, by)
  redis.call('HINCRBY', counters, counter, by)
end

-- Counts durations in ms: each in the field of the first bound that it does not exceed, and all in that of their sum.
-- BOUNDS_MS in counters.py has the same bounds.
local function count_durations(histogram, durations_ms)
  local bounds_ms = { 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 1800000, 7200000 }
  local numbers, sum_ms = {}, 0
  for _, duration_ms in ipairs(durations_ms) do
    local index = 1
    while bounds_ms[index] and duration_ms > bounds_ms[index] do index = index + 1 end
    local field = histogram .. ':' .. (bounds_ms[index] or 'more')
    numbers[field] = (numbers[field] or 0) + 1
    sum_ms = sum_ms + duration_ms
  end
  for field, number in pairs(numbers) do
    redis.call('HINCRBY', counters, field, number)
  end
  redis.call('HINCRBY', counters, histogram .. ':sum', sum_ms)
end

-- The key of a worker's claimed list, from the key of its heartbeat.
local function claimed_by(heartbeat)
  return heartbeat .. ':claimed'
end

-- The key of a worker's heartbeat, from the key of its claimed list.
local function owner_of(claimed)
  return string.match(claimed, '^(.*):claimed$')
end

-- Counts the live workers for refill, which runs too often to look at every worker ever registered. A lease has more
-- than `lease_ms` left only after the server's clock was set back: it is cut.
local function check_leases(lease_ms)
  redis.call('DEL', live) -- a full Redis does not refuse a script that begins with DEL
  local live_count = 0
  for _, heartbeat in ipairs(redis.call('ZRANGE', workers, 0, -1)) do
    local remaining_ms = redis.call('PTTL', heartbeat)
    if remaining_ms > 0 then live_count = live_count + 1 end
    if remaining_ms > tonumber(lease_ms) then redis.call('PEXPIRE', heartbeat, lease_ms) end
  end
  redis.call('SET', live, live_count)
end

-- Renews the lease of a reducer.
local function renew_reducer(lease, lease_ms)
  redis.call('DEL', lease) -- a full Redis does not refuse a script that begins with DEL
  redis.call('SET', lease, '', 'PX', lease_ms)
end

-- Sets a field of a hash of fields with life times: each value begins with the time of its end. Drops those that are
-- over; the hash itself lives as long as the last one at least.
local function set_temporary(hash, field, value, life_ms)
  local now = tonumber(now_ms())
  local fields = redis.call('HGETALL', hash)
  for index = 1, #fields, 2 do
    if tonumber(string.match(fields[index + 1], '^%d+')) < now then redis.call('HDEL', hash, fields[index]) end
  end
  redis.call('HSET', hash, field, string.format('%d %s', now + life_ms, value))
  if redis.call('PTTL', hash) < tonumber(life_ms) then redis.call('PEXPIRE', hash, life_ms) end
end

-- The waiting list whose turn is next in refill, and the bytes that it counts as handed out; nil if there is none.
local function next_turn()
  return unpack(redis.call('ZRANGE', turns, 0, 0, 'WITHSCORES'))
end

-- Tops up the ready list, to two items per live worker, from the waiting list that has handed out the fewest bytes.
local function refill()
  local room = 2 * math.max(tonumber(redis.call('GET', live) or '1'), 1) - redis.call('LLEN', ready)
  while room > 0 do
    local next_waiting = next_turn()
    if not next_waiting then return end
    if redis.call('LMOVE', next_waiting, ready, 'LEFT', 'RIGHT') then
      local bytes, total = unpack(redis.call('HMGET', string.match(next_waiting, '^(.*):'), 'bytes_total', 'total'))
      redis.call('ZINCRBY', turns, bytes / total, next_waiting)
      room = room - 1
    else
      redis.call('ZREM', turns, next_waiting)
    end
  end
end

-- Gives the job turns in refill. It begins with the fewest bytes of all: neither do the others wait until it has caught
-- up with them, nor does it wait for them.
local function activate()
  local _, fewest_bytes = next_turn()
  redis.call('ZADD', turns, 'NX', fewest_bytes or 0, waiting)
end

-- Adds the job's progress to its events.
local function announce()
  local status, total, done, bytes_total, bytes_done, rows_read = unpack(
    redis.call('HMGET', job, 'status', 'total', 'done', 'bytes_total', 'bytes_done', 'rows_read'))
  redis.call('XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'status', status, 'total', total, 'done', done,
    'bytes_total', bytes_total, 'bytes_done', bytes_done, 'rows_read', rows_read)
end

-- Announces a change of an ended job, unless its events have expired: new ones would have no life time.
local function announce_after_end()
  if redis.call('EXISTS', events) == 1 then announce() end
end

local function read_batch(number)
  local batch_json = redis.call('HGET', batches, number)
  return batch_json and cjson.decode(batch_json)
end

local function write_batch(number, batch)
  redis.call('HSET', batches, number, cjson.encode(batch))
end

-- The field of the job's `lines` with a piece of a batch's lines, numbered from 1; the last one has the batch's number.
local function lines_field(number, piece)
  return number .. '/' .. piece
end

-- The lines of a batch, false if it has none.
local function read_lines(number, batch)
  local pieces = {}
  for piece = 1, (batch.pieces or 1) - 1 do
    pieces[piece] = redis.call('HGET', lines, lines_field(number, piece)) or ''
  end
  local last = redis.call('HGET', lines, number)
  return last and table.concat(pieces) .. last
end

local function free_lines(number, batch)
  redis.call('HDEL', lines, number)
  for piece = 1, (batch.pieces or 1) - 1 do
    redis.call('HDEL', lines, lines_field(number, piece))
  end
end

-- Whether the job is running the plan of a generation.
local function runs_plan(generation)
  local status, current_generation = unpack(redis.call('HMGET', job, 'status', 'generation'))
  return status == 'running' and current_generation == generation
end

-- Whether it is a batch's turn to be fed.
local function is_fed_next(generation, number)
  return runs_plan(generation) and redis.call('HGET', job, 'fed') == number
end

-- The batch of an item in a worker's claimed list, or nil if the worker has nothing to do for it: it is done, or other
-- workers have it and no backup is requested. An empty `backup` requests one; later it names the worker that makes it.
local function batch_for_worker(generation, number, worker)
  local batch = runs_plan(generation) and read_batch(number)
  if not batch then return nil end
  if redis.call('HEXISTS', job, 'dialect') == 0 then return nil end -- an older version made the plan; it is made again
  if batch.state == 'waiting' then return batch end
  if batch.state ~= 'claimed' then return nil end
  if batch.worker == worker or batch.backup == worker or batch.backup == '' then return batch end
  return nil
end

-- Registers the worker that gets an item: Redis may have come back without it, and only registered ones are reaped.
local function register_owner(claimed)
  redis.call('ZADD', workers, 'NX', now_ms(), owner_of(claimed))
end

-- Claims the batch of an item in a worker's claimed list, or drops the item if there is nothing to do for it.
-- Returns the item, the batch and its part as JSON, the limit of the job's cells, and the batch's lines (false unless
-- the transport is inline); nil if the item was dropped.
local function claim_item(claimed, item, generation, number, worker)
  local batch = batch_for_worker(generation, number, worker)
  if not batch then
    redis.call('LREM', claimed, 0, item)
    return nil
  end
  register_owner(claimed)
  if batch.state == 'waiting' then
    batch.state = 'claimed'
    batch.worker = worker
    batch.claimed_at = now_ms()
  elseif batch.worker ~= worker then
    batch.backup = worker
  elseif redis.call('LREM', claimed, 1, item) > 0 and not redis.call('LPOS', claimed, item) then
    redis.call('LPUSH', claimed, item)
  else
    batch.backup = nil -- the worker was handed the backup of its own batch
  end
  write_batch(number, batch)
  local part, max_cells = unpack(redis.call('HMGET', job, 'part:' .. batch.part, 'max_cells'))
  return { item, cjson.encode(batch), part, max_cells or '', read_lines(number, batch) }
end

-- Gives a worker its next item: one that a lost reply left in its claimed list (not with `from_ready_only`), otherwise
-- one handed out from the ready list. If it is of the plan of `id` and `generation`, its batch is claimed, too.
-- Returns the claim as claim_item does, or a list of the item alone if it is of another plan; false if there is none.
local function hand_out(claimed, id, generation, worker, from_ready_only)
  local prefix = item_of(id, generation, '')
  while true do
    local item = not from_ready_only and redis.call('LINDEX', claimed, 0)
    item = item or redis.call('LMOVE', ready, claimed, 'LEFT', 'RIGHT')
    if not item then return false end
    if string.sub(item, 1, #prefix) ~= prefix then
      register_owner(claimed)
      return { item }
    end
    local claim = claim_item(claimed, item, generation, string.sub(item, #prefix + 1), worker)
    if claim then return claim end
  end
end

-- Makes a partial count from now on, whether it was staged or has just been written.
local function add_partial(partial)
  redis.call('SADD', partials, partial)
  redis.call('PERSIST', partial)
  redis.call('ZREM', staging, partial)
end

-- Frees a staged key that will not count.
local function free_staged(staged)
  redis.call('UNLINK', staged)
  redis.call('ZREM', staging, staged)
end

-- Frees the job's partials. Without them, a retry maps all batches again.
local function free_partials()
  redis.call('ZREM', retained, id_of(job))
  for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
    redis.call('UNLINK', partial)
  end
  redis.call('UNLINK', partials)
end

-- Frees the keys that only a running job needs.
local function free_lists()
  redis.call('DEL', waiting, lines)
  redis.call('ZREM', turns, waiting)
end

-- Drops everything that belongs to the job's plan: none of it counts any more, and the job will be planned again.
local function drop_plan()
  free_lists()
  free_partials()
  redis.call('DEL', batches, cube, metrics, rejects)
  redis.call('HDEL', job, 'fed', 'notes')
  for _, field in ipairs(redis.call('HKEYS', job)) do
    if string.sub(field, 1, 9) == 'rejected:' then redis.call('HDEL', job, field) end
  end
  redis.call('HSET', job, 'total', 0, 'done', 0, 'retried', 0, 'dead', 0, 'discarded', 0, 'bytes_total', 0,
    'bytes_done', 0, 'rows_read', 0, 'rows_accepted', 0, 'rows_rejected', 0)
end

-- Removes the job's result. The job itself stays; `removed_at` says why it has none.
local function remove_result()
  redis.call('UNLINK', cube, metrics, rejects)
  redis.call('ZREM', results, id_of(job))
  if redis.call('HDEL', job, 'result', 'result_bytes') > 0 then redis.call('HSET', job, 'removed_at', now_ms()) end
end

-- Gives the partials of a failed job a life time in which a retry can use them.
local function keep_partials()
  if redis.call('EXISTS', partials) == 1 then redis.call('ZADD', retained, now_ms(), id_of(job)) end
  redis.call('PEXPIRE', partials, KEPT_FOR_RETRY_MS)
  for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
    redis.call('PEXPIRE', partial, KEPT_FOR_RETRY_MS)
  end
end

-- The keys of webhooks: the one that exists while they are sent, the outbox, and the list that wakes the sender.
local function webhook_keys()
  local prefix = string.match(open, '^.*:')
  return prefix .. 'webhooks', prefix .. 'outbox', prefix .. 'sender'
end

-- The time in ms at which the job of a webhook ended.
local function ended_at(webhook)
  return tonumber(string.match(webhook, ':(%d+):'))
end

-- Drops the webhook of the oldest end if the outbox holds too many.
local function limit_outbox(outbox)
  if redis.call('ZCARD', outbox) <= WEBHOOKS_KEPT then return end
  local oldest
  for _, webhook in ipairs(redis.call('ZRANGE', outbox, 0, -1)) do
    if not oldest or ended_at(webhook) < ended_at(oldest) then oldest = webhook end
  end
  redis.call('ZREM', outbox, oldest)
  count('webhooks_dropped', 1)
end

-- Puts a webhook about the end of the job into the outbox, due at once, and wakes a sender; nothing if there is none.
local function post_webhook(status, finished_at)
  local webhooks, outbox, sender = webhook_keys()
  if redis.call('EXISTS', webhooks) == 0 then return end
  local webhook = id_of(job) .. ':' .. finished_at .. ':' .. status
  redis.call('ZADD', outbox, finished_at, webhook)
  limit_outbox(outbox)
  redis.call('DEL', sender)
  redis.call('RPUSH', sender, webhook)
  redis.call('PEXPIRE', outbox, WEBHOOK_LIFE_MS)
  redis.call('PEXPIRE', sender, WEBHOOK_LIFE_MS)
end

-- Ends the job: gives the keys it keeps a life time, and announces it. Its open batches are dropped: they stay in the
-- hash as they are, because a full Redis has no room to rewrite them, and no script touches them any more.
local function end_job(status, reason, can_resume)
  free_lists()
  if can_resume then
    keep_partials()
  else
    free_partials()
    redis.call('HDEL', job, 'max_cells') -- a retry plans the job again, with the limits of that time
  end
  redis.call('SREM', open, id_of(job))
  redis.call('ZADD', ended, now_ms(), id_of(job))
  redis.call('HDEL', job, 'waits_for', 'waits_since')
  local started_at, finished_at = redis.call('HGET', job, 'started_at'), now_ms()
  redis.call('HSET', job, 'status', status, 'error', reason, 'finished_at', finished_at)
  announce()
  local ttl_ms = redis.call('HGET', job, 'ttl_ms')
  for _, key in ipairs({ job, batches, cube, metrics, rejects, events }) do
    redis.call('PEXPIRE', key, ttl_ms)
  end
  count('jobs_' .. status, 1)
  if started_at then count_durations('job_ms:' .. status, { math.max(finished_at - started_at, 0) }) end
  refill()
  post_webhook(status, finished_at)
end

-- Announces that the job of a hash is no longer published.
local function announce_replaced(old_job)
  if not old_job or old_job == job then return end
  local id = id_of(job)
  turn_to(id_of(old_job))
  if redis.call('EXISTS', job) == 1 then announce_after_end() end
  turn_to(id)
end

-- Publishes the job's result: its keys last until another one is published, and those of the one published before get
-- their life time back. A job that completes later replaces it if its sequence number is above `sequence`.
local function publish(sequence)
  local keys_json = redis.call('HGET', published, 'keys')
  local old_keys = keys_json and cjson.decode(keys_json) or {}
  if old_keys[1] ~= job then
    for _, key in ipairs(old_keys) do
      redis.call('PEXPIRE', key, redis.call('HGET', old_keys[1], 'ttl_ms') or 0)
    end
  end
  announce_replaced(old_keys[1])
  local keys = { job, batches, cube, metrics, rejects }
  for _, key in ipairs(keys) do
    redis.call('PERSIST', key)
  end
  redis.call('HSET', published, 'job', id_of(job), 'sequence', sequence, 'keys', cjson.encode(keys))
end

-- Removes an ended job and everything that belongs to it, or what is left of a job that has expired.
local function remove_job()
  local id = id_of(job)
  free_partials()
  redis.call('UNLINK', job, batches, waiting, lines, cube, metrics, rejects, events)
  redis.call('ZREM', jobs, job)
  redis.call('ZREM', ended, id)
  redis.call('ZREM', results, id)
end

-- Removes an item from a worker's claimed list. Returns its batch, or nil if the worker has nothing to do for it.
local function remove_item(claimed, item, generation, number, worker)
  if redis.call('LREM', claimed, 0, item) == 0 then return nil end
  local batch = batch_for_worker(generation, number, worker)
  if not batch then refill() end
  return batch
end

-- Marks a batch dead for a reason, and fails its job with a message. Returns the message.
local function kill_batch(number, batch, reason, message, can_resume)
  batch.state = 'dead'
  batch.error = reason
  batch.backup = nil
  write_batch(number, batch)
  redis.call('HINCRBY', job, 'dead', 1)
  count('dead', 1)
  end_job('failed', message, can_resume)
  return message
end

-- Whether an item is in the claimed list of some worker.
local function is_claimed(item)
  for _, heartbeat in ipairs(redis.call('ZRANGE', workers, 0, -1)) do
    if redis.call('LPOS', claimed_by(heartbeat), item) then return true end
  end
  return false
end

-- Puts a batch that a worker gave back or lost at the front of its job's waiting list, unless another worker also has
-- it. `counter` is ATTEMPTS or DEATHS, or false if nothing counts; at its limit the batch is dead and the job fails.
-- The caller has removed the item from the worker's claimed list. Returns the message with which the job failed, if so.
local function put_back(item, number, batch, worker, counter, limit, reason)
  if counter then
    batch[counter] = batch[counter] + 1
    batch.error = reason
    if batch[counter] >= tonumber(limit) then
      local times = batch[counter] == 1 and string.sub(counter, 1, -2) or counter -- 1 attempt, 2 attempts
      local message = string.format('Batch %d is dead after %d %s: %s', number, batch[counter], times, reason)
      return kill_batch(number, batch, reason, message, true)
    end
  end
  redis.call('HINCRBY', job, 'retried', 1)
  count('retried', 1)
  local backup = batch.backup
  batch.backup = nil
  if batch.state == 'claimed' and batch.worker ~= worker then -- it was the backup
    return write_batch(number, batch)
  end
  if backup and backup ~= '' then
    batch.worker = backup
    batch.claimed_at = now_ms()
    return write_batch(number, batch)
  end
  batch.state = 'waiting'
  write_batch(number, batch)
  if backup and redis.call('LREM', ready, 0, item) == 0 and is_claimed(item) then return end
  redis.call('LPUSH', waiting, item)
  activate()
  refill()
  announce()
end
