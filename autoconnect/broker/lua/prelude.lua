-- Put before every script: names for the keys that all of them get, and the acts that several of them share.
--   KEYS[1..8]   what all jobs share
--   KEYS[9..17]  the job's own (scripts that are not about a job get only the first eight)
--   KEYS[18..]   what the script's own header says
local ready, active, workers, live, open, orchestrator, aggregator, counters = unpack(KEYS, 1, 8)
local job, batches, waiting, lines, partials, cube, metrics, rejects, events = unpack(KEYS, 9, 17)

local ATTEMPTS, DEATHS = 'attempts', 'deaths'
local EVENTS_KEPT = 1000
local KEPT_FOR_RETRY_MS = 3600000

local function now_ms()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
end

-- The number of a plan of the job that is new: a time, so that it is new even where Redis came back in an earlier state.
local function new_generation()
  local last = tonumber(redis.call('HGET', job, 'last_plan') or '0')
  return string.format('%d', math.max(last + 1, tonumber(now_ms())))
end

local function count(what, by)
  redis.call('HINCRBY', counters, what, by)
end

-- The name of a worker's claimed list, by that of its heartbeat; and the other way.
local function claimed_by(heartbeat)
  return heartbeat .. ':claimed'
end

local function owner_of(claimed)
  return string.match(claimed, '^(.*):claimed$')
end

-- Writes down how many workers live, for refill: it runs often, and those ever registered may be many. What is left of a
-- lease is more than a whole one only where the server's clock was set back: it is cut.
local function check_leases(lease_ms)
  redis.call('DEL', live) -- a script that begins so is not refused by a Redis that is full
  local alive = 0
  for _, heartbeat in ipairs(redis.call('ZRANGE', workers, 0, -1)) do
    local left_ms = redis.call('PTTL', heartbeat)
    if left_ms > 0 then alive = alive + 1 end
    if left_ms > tonumber(lease_ms) then redis.call('PEXPIRE', heartbeat, lease_ms) end
  end
  redis.call('SET', live, alive)
end

-- Tops up the ready list from the jobs' waiting lists, in turn.
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

-- The job takes part in the turns of refill.
local function activate()
  redis.call('LREM', active, 0, waiting)
  redis.call('RPUSH', active, waiting)
end

local function announce()
  local seen = redis.call('HMGET', job, 'status', 'total', 'done', 'bytes_total', 'bytes_done', 'rows_read')
  redis.call('XADD', events, 'MAXLEN', '~', EVENTS_KEPT, '*', 'status', seen[1], 'total', seen[2], 'done', seen[3],
    'bytes_total', seen[4], 'bytes_done', seen[5], 'rows_read', seen[6])
end

local function read_batch(number)
  local text = redis.call('HGET', batches, number)
  return text and cjson.decode(text)
end

local function write_batch(number, batch)
  redis.call('HSET', batches, number, cjson.encode(batch))
end

-- Whether the job still runs the plan that a batch belongs to.
local function runs(generation)
  local found = redis.call('HMGET', job, 'status', 'generation')
  return found[1] == 'running' and found[2] == generation
end

-- The batch of an item in a worker's claimed list, if that is the worker's to deal with: nobody did it, and nobody else
-- has it, or a backup of it is wanted (`backup` is then empty; afterwards it is the worker that makes it).
local function held_batch(generation, number, worker)
  local batch = runs(generation) and read_batch(number)
  if not batch then return nil end
  if batch.state == 'waiting' then return batch end
  if batch.state ~= 'claimed' then return nil end
  if batch.worker == worker or batch.backup == worker or batch.backup == '' then return batch end
  return nil
end

-- A worker that gets an item is known to whoever looks for dead ones, even where Redis has come back without it.
local function know_owner(claimed)
  redis.call('ZADD', workers, 'NX', now_ms(), owner_of(claimed))
end

-- A worker takes the batch of an item in its claimed list, or drops the item where there is nothing to do for it.
-- Returns the item, the batch as JSON, the job's source, size, mtime_ns and layout, and the batch's lines (false but for
-- inline); or nothing.
local function claim_item(claimed, item, generation, number, worker)
  local batch = held_batch(generation, number, worker)
  if not batch then
    redis.call('LREM', claimed, 0, item)
    return nil
  end
  know_owner(claimed)
  if batch.state == 'waiting' then
    batch.state = 'claimed'
    batch.worker = worker
    batch.claimed_at = now_ms()
  elseif batch.worker ~= worker then
    batch.backup = worker
  elseif redis.call('LREM', claimed, 1, item) > 0 and not redis.call('LPOS', claimed, item) then
    redis.call('LPUSH', claimed, item)
  else
    batch.backup = nil -- it was handed the backup of its own batch
  end
  write_batch(number, batch)
  local about = redis.call('HMGET', job, 'source', 'size', 'mtime_ns', 'layout')
  local text = redis.call('HGET', lines, number)
  return { item, cjson.encode(batch), about[1], about[2], about[3], about[4], text }
end

-- Hands a worker its next item: one that a lost reply has left in its claimed list (unless told not to look there), else
-- one off the ready list. Returns the claim where it is of the given plan, else the item alone; or nothing.
local function hand_out(claimed, id, generation, worker, from_ready_only)
  local prefix = id .. ':' .. generation .. ':'
  while true do
    local item = not from_ready_only and redis.call('LINDEX', claimed, 0)
    item = item or redis.call('LMOVE', ready, claimed, 'LEFT', 'RIGHT')
    if not item then return false end
    if string.sub(item, 1, #prefix) ~= prefix then
      know_owner(claimed)
      return { item }
    end
    local claim = claim_item(claimed, item, generation, string.sub(item, #prefix + 1), worker)
    if claim then return claim end
  end
end

-- Frees the partials, and with them the only use of what was done of this plan.
local function free_partials()
  for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
    redis.call('DEL', partial)
  end
  redis.call('DEL', partials)
end

-- Frees what only a running job needs.
local function free_lists()
  redis.call('DEL', waiting, lines)
  redis.call('LREM', active, 0, waiting)
end

-- Drops all that there is of a plan: nothing of it counts any more, and the job is to be planned anew.
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

-- Lets the partials of a job that failed live on for a while: its retry goes on from there.
local function keep_partials()
  redis.call('PEXPIRE', partials, KEPT_FOR_RETRY_MS)
  for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
    redis.call('PEXPIRE', partial, KEPT_FOR_RETRY_MS)
  end
end

-- Lets all of a job that is kept expire, and tells everyone.
local function end_job(status, reason, can_go_on)
  free_lists()
  if can_go_on then keep_partials() else free_partials() end
  redis.call('SREM', open, string.match(job, '[^:]+$'))
  if status ~= 'completed' then
    local all = redis.call('HGETALL', batches)
    for place = 1, #all, 2 do
      local batch = cjson.decode(all[place + 1])
      if batch.state == 'waiting' or batch.state == 'claimed' then
        batch.state = 'dropped'
        write_batch(all[place], batch)
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

-- Takes an item off a worker's claimed list; returns its batch if that is the worker's to deal with.
local function remove_item(claimed, item, generation, number, worker)
  if redis.call('LREM', claimed, 0, item) == 0 then return nil end
  local batch = held_batch(generation, number, worker)
  if not batch then refill() end
  return batch
end

-- A batch is dead of a reason, and its job fails with a message.
local function kill_batch(number, batch, reason, message, can_go_on)
  batch.state = 'dead'
  batch.error = reason
  batch.backup = nil
  write_batch(number, batch)
  redis.call('HINCRBY', job, 'dead', 1)
  count('dead', 1)
  end_job('failed', message, can_go_on)
end

-- Whether an item is in the claimed list of some worker.
local function is_claimed(item)
  for _, heartbeat in ipairs(redis.call('ZRANGE', workers, 0, -1)) do
    if redis.call('LPOS', claimed_by(heartbeat), item) then return true end
  end
  return false
end

-- A worker gives up a batch, which goes back to the front of its job's waiting list, unless another worker has it, too.
-- What it failed of counts to a limit (pass nil for neither); past that the batch is dead and the job fails.
-- The caller has taken the item off the worker's list.
local function give_up(item, number, batch, worker, counter, limit, reason)
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
