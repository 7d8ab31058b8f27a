-- Turns the partials of a job into its result, and publishes that unless it has no accepted row, the job must not be
-- published, or a newer one is. The parts of the result are staged, or come with this call if they are small.
-- KEYS  25 staged cube, 26 staged metrics, 27 staged rejects
-- ARGV  1 job id, 2 version of the result, 3 status, 4 reason, 5 bytes of the result, 6 to 8 number of items of the cube,
--       the metrics and the rejects, 9 life time of staged keys in ms, 10 notes of the job, as JSON,
--       then four lists, each after its length: names of the partials; fields and values of the cube, fields and values
--       of the metrics, rejects, unless they are staged
-- Returns 1; 0 if the job is not reducing or these are not its partials; -1 if something staged is lost.
local id, version, status, reason, bytes, cube_items, metric_items, reject_items, life_ms = unpack(ARGV, 1, 9)
local notes = ARGV[10]
local parts = {
  { staged = KEYS[25], key = cube, items = cube_items, count = 'HLEN' },
  { staged = KEYS[26], key = metrics, items = metric_items, count = 'HLEN' },
  { staged = KEYS[27], key = rejects, items = reject_items, count = 'LLEN' },
}

local position = 11
local function next_list()
  local items = {}
  for offset = 1, tonumber(ARGV[position]) do
    items[offset] = ARGV[position + offset]
  end
  position = position + #items + 1
  return items
end

local current_status, outcome = unpack(redis.call('HMGET', job, 'status', 'outcome'))
if outcome == version then return 1 end -- this call was sent before
if current_status ~= 'reducing' then return 0 end
local names = next_list()
if redis.call('SCARD', partials) ~= #names then return 0 end
for _, name in ipairs(names) do
  if redis.call('SISMEMBER', partials, name) == 0 then return 0 end
end
for _, part in ipairs(parts) do
  local items = next_list()
  if part.count == 'HLEN' then
    for index = 1, #items, 2 do
      redis.call('HSET', part.staged, items[index], items[index + 1])
    end
  elseif redis.call('EXISTS', part.staged) == 0 then
    for _, item in ipairs(items) do
      redis.call('RPUSH', part.staged, item)
    end
  end
  if #items > 0 then redis.call('PEXPIRE', part.staged, life_ms) end
  if redis.call(part.count, part.staged) ~= tonumber(part.items) then return -1 end
end
redis.call('HSET', job, 'notes', notes) -- first, so that a full Redis refuses the end
for _, part in ipairs(parts) do
  redis.call('UNLINK', part.key)
  if tonumber(part.items) > 0 then redis.call('RENAME', part.staged, part.key) end
  redis.call('ZREM', staging, part.staged)
end
end_job(status, reason)
redis.call('HSET', job, 'outcome', version)
redis.call('HDEL', job, 'reducer')
local sequence, rows_accepted, may_publish = unpack(redis.call('HMGET', job, 'sequence', 'rows_accepted', 'publish'))
redis.call('HSET', job, 'result_bytes', bytes) -- those of the rejects, if the job has failed
redis.call('ZADD', results, sequence, id)
if status ~= 'completed' then return 1 end
redis.call('HSET', job, 'result', version)
if rows_accepted == '0' or may_publish == '0' then return 1 end
local published_sequence = redis.call('HGET', published, 'sequence')
if not published_sequence or tonumber(sequence) > tonumber(published_sequence) then publish(sequence) end
return 1
