-- Find the batches of a running job that are lost (in no list) or doubled (in two lists), at one instant.
-- KEYS  1 job, 2 batches, 3 waiting, 4 ready, 5 workers
-- ARGV  1 id, 2 what the name of each heartbeat begins with
-- Returns a sentence for each such batch.
local status, generation, transport, fed = unpack(redis.call('HMGET', KEYS[1], 'status', 'generation', 'transport', 'fed'))
if status ~= 'running' then return {} end
local prefix = ARGV[1] .. ':' .. generation .. ':'

-- By batch and list: how many times the list has the batch's item.
local counts = {}
local function count_items(list)
  for _, item in ipairs(redis.call('LRANGE', list, 0, -1)) do
    if string.sub(item, 1, #prefix) == prefix then
      local number = string.sub(item, #prefix + 1)
      counts[number] = counts[number] or {}
      counts[number][list] = (counts[number][list] or 0) + 1
    end
  end
end
count_items(KEYS[3])
count_items(KEYS[4])
for _, heartbeat in ipairs(redis.call('ZRANGE', KEYS[5], 0, -1)) do
  count_items(heartbeat .. ':claimed')
end

local complaints = {}
local function complain(number, json, fault)
  local lists = {}
  for list, times in pairs(counts[number] or {}) do
    lists[#lists + 1] = list .. ' x' .. times
  end
  complaints[#complaints + 1] = 'batch ' .. number .. ' ' .. fault .. ': ' .. json .. ' is in ' .. table.concat(lists, ', ')
end

local fields = redis.call('HGETALL', KEYS[2])
for index = 1, #fields, 2 do
  local number, json = fields[index], fields[index + 1]
  local batch = cjson.decode(json)
  local own_list = batch.worker and ARGV[2] .. batch.worker .. ':claimed'
  local elsewhere = 0
  for list, times in pairs(counts[number] or {}) do
    if batch.state ~= 'claimed' or list ~= own_list then elsewhere = elsewhere + times end
  end
  if batch.state == 'waiting' and (transport ~= 'inline' or tonumber(number) < tonumber(fed)) then
    if elsewhere == 0 then complain(number, json, 'lost') end
    if elsewhere > 1 then complain(number, json, 'doubled') end
  elseif batch.state == 'claimed' then
    local own = counts[number] and counts[number][own_list] or 0
    if own == 0 then complain(number, json, 'lost') end
    if own > 1 or elsewhere > (batch.backup and 1 or 0) then complain(number, json, 'doubled') end
  end
end
return complaints
