-- Put before every script: names for the keys that scripts share, and the functions that several of them call.
--   KEYS[1..8]   shared by all jobs
--   KEYS[9..17]  those of one job; a script that concerns no job has its own keys from KEYS[9]
--   KEYS[18..]   the script's own, as its header says
-- In this order: time, generations, items, counters; leases and the ready list; batches; claiming (claim_item, hand_out);
-- freeing; ending a job; giving back, reclaiming and killing batches (remove_item, kill_batch, put_back).
local ready, active, workers, live, open, orchestrator, aggregator, counters = unpack(KEYS, 1, 8)
local job, batches, waiting, lines, partials, cube, metrics, rejects, events = unpack(KEYS, 9, 17)

local ATTEMPTS, DEATHS = 'attempts', 'deaths'
local EVENTS_KEPT = 1000
local KEPT_FOR_RETRY_MS = 3600000

-- The server's time in ms since 1970, as text.
local function now_ms()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
end

-- A new generation for a plan of the job: a time, so that it is new even if Redis came back in an earlier state.
local function new_generation()
  local last_plan = tonumber(redis.call('HGET', job, 'last_plan') or '0')
  return string.format('%d', math.max(last_plan + 1, tonumber(now_ms())))
end

-- An item: the id of a batch. With '' as the number, it is the prefix of all items of a plan.
local function item_of(id, generation, number)
  return id .. ':' .. generation .. ':' .. number
end

local function count(counter, by)
  redis.call('HINCRBY', counters, counter, by)
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

-- Tops up the ready list, to two items per live worker, from the jobs' waiting lists in turn.
local function refill()
  local room = 2 * math.max(tonumber(redis.call('GET', live) or '1'), 1) - redis.call('LLEN', ready)
  while room > 0 do
    local next_waiting = redis.call('LMOVE', active, active, 'LEFT', 'RIGHT')
    if not next_waiting then return end
    if redis.call('LMOVE', next_waiting, ready, 'LEFT', 'RIGHT') then
      room = room - 1
    else
      redis.call('LREM', active, 0, next_waiting)
    end
  end
end

-- Gives the job its turn in refill.
local function activate()
  redis.call('LREM', active, 0, waiting)
  redis.call('RPUSH', active, waiting)
end

-- Adds the job's progress to its events.
local function announce()
  local status, total, done, bytes_total, bytes_done, rows_read = unpack(
    redis.call('HMGET', job, 'status', 'total', 'done', 'bytes_total', 'bytes_done', 'rows_read'))
  redis.call('XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'status', status, 'total', total, 'done', done,
    'bytes_total', bytes_total, 'bytes_done', bytes_done, 'rows_read', rows_read)
end

local function read_batch(number)
  local batch_json = redis.call('HGET', batches, number)
  return batch_json and cjson.decode(batch_json)
end

local function write_batch(number, batch)
  redis.call('HSET', batches, number, cjson.encode(batch))
end

-- Whether the job is running the plan of a generation.
local function runs_plan(generation)
  local status, current_generation = unpack(redis.call('HMGET', job, 'status', 'generation'))
  return status == 'running' and current_generation == generation
end

-- The batch of an item in a worker's claimed list, or nil if the worker has nothing to do for it: it is done, or other
-- workers have it and no backup is requested. An empty `backup` requests one; later it names the worker that makes it.
local function batch_for_worker(generation, number, worker)
  local batch = runs_plan(generation) and read_batch(number)
  if not batch or not batch.part then return nil end -- without a part it is of an older version, and planned again
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
-- Returns the item, the batch and its part as JSON, and the batch's lines (false unless the transport is inline); nil
-- if the item was dropped.
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
  local part = redis.call('HGET', job, 'part:' .. batch.part)
  return { item, cjson.encode(batch), part, redis.call('HGET', lines, number) }
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

-- Frees the job's partials. Without them, a retry maps all batches again.
local function free_partials()
  for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
    redis.call('DEL', partial)
  end
  redis.call('DEL', partials)
end

-- Frees the keys that only a running job needs.
local function free_lists()
  redis.call('DEL', waiting, lines)
  redis.call('LREM', active, 0, waiting)
end

-- Drops everything that belongs to the job's plan: none of it counts any more, and the job will be planned again.
local function drop_plan()
  free_lists()
  free_partials()
  redis.call('DEL', batches, cube, metrics, rejects)
  redis.call('HDEL', job, 'fed')
  for _, field in ipairs(redis.call('HKEYS', job)) do
    if string.sub(field, 1, 9) == 'rejected:' then redis.call('HDEL', job, field) end
  end
  redis.call('HSET', job, 'total', 0, 'done', 0, 'retried', 0, 'dead', 0, 'discarded', 0, 'bytes_total', 0,
    'bytes_done', 0, 'rows_read', 0, 'rows_accepted', 0, 'rows_rejected', 0)
end

-- Gives the partials of a failed job a life time in which a retry can use them.
local function keep_partials()
  redis.call('PEXPIRE', partials, KEPT_FOR_RETRY_MS)
  for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
    redis.call('PEXPIRE', partial, KEPT_FOR_RETRY_MS)
  end
end

-- Ends the job: drops its open batches unless it is completed, gives the keys it keeps a life time, and announces it.
local function end_job(status, reason, can_resume)
  free_lists()
  if can_resume then keep_partials() else free_partials() end
  redis.call('SREM', open, string.match(job, '[^:]+$'))
  if status ~= 'completed' then
    local numbers_and_batches = redis.call('HGETALL', batches)
    for index = 1, #numbers_and_batches, 2 do
      local batch = cjson.decode(numbers_and_batches[index + 1])
      if batch.state == 'waiting' or batch.state == 'claimed' then
        batch.state = 'dropped'
        write_batch(numbers_and_batches[index], batch)
      end
    end
  end
  redis.call('HSET', job, 'status', status, 'error', reason, 'finished_at', now_ms())
  announce()
  local ttl_ms = redis.call('HGET', job, 'ttl_ms')
  for _, key in ipairs({ job, batches, cube, metrics, rejects, events }) do
    redis.call('PEXPIRE', key, ttl_ms)
  end
  count('jobs_' .. status, 1)
  refill()
end

-- Removes an item from a worker's claimed list. Returns its batch, or nil if the worker has nothing to do for it.
local function remove_item(claimed, item, generation, number, worker)
  if redis.call('LREM', claimed, 0, item) == 0 then return nil end
  local batch = batch_for_worker(generation, number, worker)
  if not batch then refill() end
  return batch
end

-- Marks a batch dead for a reason, and fails its job with a message.
local function kill_batch(number, batch, reason, message, can_resume)
  batch.state = 'dead'
  batch.error = reason
  batch.backup = nil
  write_batch(number, batch)
  redis.call('HINCRBY', job, 'dead', 1)
  count('dead', 1)
  end_job('failed', message, can_resume)
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
-- The caller has removed the item from the worker's claimed list.
local function put_back(item, number, batch, worker, counter, limit, reason)
  if counter then
    batch[counter] = batch[counter] + 1
    batch.error = reason
    if batch[counter] >= tonumber(limit) then
      local message = string.format('Batch %d is dead after %d %s: %s', number, batch[counter], counter, reason)
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
