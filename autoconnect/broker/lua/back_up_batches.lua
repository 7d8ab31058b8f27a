-- Hands out once more what is claimed of a job for unusually long, while workers have nothing to do: at the end of a job
-- its slowest worker would else be waited for. Which of the two commits first counts.
-- ARGV  1 least age of a claim in ms, 2 how many times as long as a batch takes on the average it must have lasted
-- Returns the items.
local found = {}
local about = redis.call('HMGET', job, 'status', 'generation', 'done', 'started_at', 'committed_at')
if about[1] ~= 'running' or about[3] == '0' or redis.call('EXISTS', waiting, ready) > 0 then return found end

local alive, idle, claimed = 0, 0, {}
for _, heartbeat in ipairs(redis.call('ZRANGE', workers, 0, -1)) do
  if redis.call('EXISTS', heartbeat) == 1 then
    local items = redis.call('LRANGE', claimed_by(heartbeat), 0, -1)
    alive = alive + 1
    if #items == 0 then idle = idle + 1 end
    for _, item in ipairs(items) do
      claimed[#claimed + 1] = item
    end
  end
end

local now = tonumber(now_ms())
local pace = (about[5] - about[4]) * alive / about[3]
local age = math.max(tonumber(ARGV[1]), ARGV[2] * pace)
local prefix = string.match(job, '[^:]+$') .. ':' .. about[2] .. ':'
for _, item in ipairs(claimed) do
  local number = string.sub(item, 1, #prefix) == prefix and string.sub(item, #prefix + 1)
  local batch = number and read_batch(number)
  if idle > #found and batch and batch.state == 'claimed' and not batch.backup and now - (batch.claimed_at or now) > age then
    batch.backup = ''
    write_batch(number, batch)
    redis.call('RPUSH', ready, item)
    count('backed_up', 1)
    found[#found + 1] = item
  end
end
return found
