-- Says how much memory a process has, for a limited time. What others said is dropped after its life time.
-- KEYS  16 the limits
-- ARGV  1 name of the process, 2 what it has, as JSON, 3 life time in ms
-- Returns nothing.
local limits = KEYS[16]
local name, text, life_ms = unpack(ARGV, 1, 3)
redis.call('HDEL', limits, name) -- a full Redis does not refuse a script that begins with HDEL
set_temporary(limits, name, text, life_ms)
