-- Put before every script: names for the keys that all of them get, and the acts that several of them share.
--   KEYS[1..6]   lists and sets of all jobs
--   KEYS[7..15]  the job's own (scripts that are not about a job get only the first six)
--   KEYS[16..]   what the script's own header says
local ready, active, workers, open, orchestrator, aggregator = unpack(KEYS, 1, 6)
local job, batches, waiting, lines, partials, cube, metrics, rejects, events = unpack(KEYS, 7, 15)

local ATTEMPTS, DEATHS = 'attempts', 'deaths'
local EVENTS_KEPT = 1000

local function now_ms()
  local time = redis.call('TIME')
  return string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000))
end

local function live_workers()
  local heartbeats = redis.call('ZRANGE', workers, 0, -1)
  local live = 0
  for _, heartbeat in ipairs(heartbeats) do
    live = live + redis.call('EXISTS', heartbeat)
  end
  return live
end

-- Tops up the ready list from the jobs' waiting lists, in turn.
local function refill()
  local room = 2 * math.max(live_workers(), 1) - redis.call('LLEN', ready)
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

-- The batch of an item in a worker's claimed list, if that is the worker's to deal with: nobody else has it or did it.
local function held_batch(generation, number, worker)
  local batch = runs(generation) and read_batch(number)
  if batch and (batch.state == 'waiting' or (batch.state == 'claimed' and batch.worker == worker)) then return batch end
  return nil
end

-- Frees what only a running job needs.
local function free_plan()
  redis.call('DEL', waiting, lines)
  for _, partial in ipairs(redis.call('SMEMBERS', partials)) do
    redis.call('DEL', partial)
  end
  redis.call('DEL', partials)
  redis.call('LREM', active, 0, waiting)
end

-- Lets all of a job that is kept expire, and tells everyone.
local function end_job(status, reason)
  free_plan()
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
  refill()
end

-- Takes an item off a worker's claimed list; returns its batch if that is the worker's to deal with.
local function take_item(claimed, item, generation, number, worker)
  if redis.call('LREM', claimed, 0, item) == 0 then return nil end
  local batch = held_batch(generation, number, worker)
  if not batch then refill() end
  return batch
end

-- A batch is dead of a reason, and its job fails with a message.
local function kill_batch(number, batch, reason, message)
  batch.state = 'dead'
  batch.error = reason
  write_batch(number, batch)
  redis.call('HINCRBY', job, 'dead', 1)
  end_job('failed', message)
end

-- A batch goes back to the front of its job's waiting list. What it failed of counts to a limit (pass nil for
-- neither); past that the batch is dead and the job fails. The caller has taken the item off its list.
local function requeue(item, number, batch, counter, limit, reason)
  if counter then
    batch[counter] = batch[counter] + 1
    batch.error = reason
  end
  if counter and batch[counter] >= tonumber(limit) then
    local message = string.format('Batch %d is dead after %d %s: %s', number, batch[counter], counter, reason)
    return kill_batch(number, batch, reason, message)
  end
  batch.state = 'waiting'
  write_batch(number, batch)
  redis.call('HINCRBY', job, 'retried', 1)
  redis.call('LPUSH', waiting, item)
  activate()
  refill()
  announce()
end
