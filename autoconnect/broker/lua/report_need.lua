-- Reports that a job needs memory: something could not be written. What others reported is dropped after its life time.
-- KEYS  16 the needs
-- ARGV  1 job id, 2 use of memory in bytes below which there is room, 3 life time in ms
-- Returns nothing.
local needs = KEYS[16]
local id, fits_below, life_ms = unpack(ARGV, 1, 3)
redis.call('HDEL', needs, id) -- a full Redis does not refuse a script that begins with HDEL
set_temporary(needs, id, fits_below, life_ms)
