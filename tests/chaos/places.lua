-- Looks, at one instant, where the batches of a job that runs are: none is lost, and none is in two places.
-- KEYS  1 job, 2 batches, 3 waiting, 4 ready, 5 workers
-- ARGV  1 id
-- Returns the faults, in words.
local about = redis.call('HMGET', KEYS[1], 'status', 'generation', 'transport', 'fed')
if about[1] ~= 'running' then return {} end
local prefix = ARGV[1] .. ':' .. about[2] .. ':'

-- By item: in how many places it is, and by place how often.
local found = {}
local function look(place)
  for _, item in ipairs(redis.call('LRANGE', place, 0, -1)) do
    if string.sub(item, 1, #prefix) == prefix then
      local number = string.sub(item, #prefix + 1)
      found[number] = found[number] or {}
      found[number][place] = (found[number][place] or 0) + 1
    end
  end
end
look(KEYS[3])
look(KEYS[4])
for _, heartbeat in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do
  look(heartbeat .. ':claimed')
end

local faults = {}
local function complain(number, text, what)
  local where = {}
  for place, times in pairs(found[number] or {}) do
    where[#where + 1] = place .. ' x' .. times
  end
  faults[#faults + 1] = 'batch ' .. number .. ' ' .. what .. ': ' .. text .. ' is in ' .. table.concat(where, ', ')
end

local all = redis.call('HGETALL', KEYS[2])
for index = 1, #all, 2 do
  local number, batch = all[index], cjson.decode(all[index + 1])
  local elsewhere = 0
  local own = batch.worker and 'autoconnect:worker:' .. batch.worker .. ':claimed'
  for place, times in pairs(found[number] or {}) do
    if batch.state ~= 'claimed' or place ~= own then elsewhere = elsewhere + times end
  end
  if batch.state == 'waiting' and (about[3] ~= 'inline' or tonumber(number) < tonumber(about[4])) then
    if elsewhere == 0 then complain(number, all[index + 1], 'lost') end
    if elsewhere > 1 then complain(number, all[index + 1], 'doubled') end
  elseif batch.state == 'claimed' then
    local here = found[number] and found[number][own] or 0
    if here == 0 then complain(number, all[index + 1], 'lost') end
    if here > 1 or elsewhere > (batch.backup and 1 or 0) then complain(number, all[index + 1], 'doubled') end
  end
end
return faults
