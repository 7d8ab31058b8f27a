-- Backs up the batches of a job that have been claimed for unusually long, while workers are idle: otherwise the end of
-- the job would wait for its slowest worker. The first commit of the two counts.
-- ARGV  1 least age of a claim in ms, 2 least age of a claim as a multiple of a batch's average time
-- Returns the items that were put on the ready list.
local least_age_ms, times_average = unpack(ARGV, 1, 2)
local backed_up = {}
local status, generation, done, started_at, committed_at = unpack(
  redis.call('HMGET', job, 'status', 'generation', 'done', 'started_at', 'committed_at'))
if status ~= 'running' or done == '0' or redis.call('EXISTS', waiting, ready) > 0 then return backed_up end

local live_count, idle_count, claimed_items = 0, 0, {}
for _, heartbeat in ipairs(redis.call('ZRANGE', workers, 0, -1)) do
  if redis.call('EXISTS', heartbeat) == 1 then
    local items = redis.call('LRANGE', claimed_by(heartbeat), 0, -1)
    live_count = live_count + 1
    if #items == 0 then idle_count = idle_count + 1 end
    for _, item in ipairs(items) do
      claimed_items[#claimed_items + 1] = item
    end
  end
end

local now = tonumber(now_ms())
local average_ms = (committed_at - started_at) * live_count / done
local limit_ms = math.max(tonumber(least_age_ms), times_average * average_ms)
local prefix = item_of(id_of(job), generation, '')
for _, item in ipairs(claimed_items) do
  local number = string.sub(item, 1, #prefix) == prefix and string.sub(item, #prefix + 1)
  local batch = number and read_batch(number)
  local age_ms = batch and now - (batch.claimed_at or now)
  if idle_count > #backed_up and batch and batch.state == 'claimed' and not batch.backup and age_ms > limit_ms then
    batch.backup = ''
    write_batch(number, batch)
    redis.call('RPUSH', ready, item)
    count('backed_up', 1)
    backed_up[#backed_up + 1] = item
  end
end
return backed_up
