-- Stages pieces of a hash or a list. The key gets a life time in the same step: its writer may die before the last one.
-- KEYS  16 the staged key
-- ARGV  1 `hash` or `list`, 2 number of items that were sent before these, 3 life time in ms, then the items: names and
--       values of fields, or items of the list
-- Returns nothing.
local staged = KEYS[16]
local kind, start, life_ms = unpack(ARGV, 1, 3)
if kind == 'hash' then
  redis.call('HSET', staged, unpack(ARGV, 4))
elseif redis.call('LLEN', staged) == tonumber(start) then -- otherwise these items were sent before
  redis.call('RPUSH', staged, unpack(ARGV, 4))
end
redis.call('PEXPIRE', staged, life_ms)
redis.call('ZADD', staging, now_ms(), staged)
