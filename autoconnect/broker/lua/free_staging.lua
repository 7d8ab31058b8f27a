-- Frees a staged key whose writer is gone: its last piece is old, and no partial bears its name.
-- KEYS  25 the staged key
-- ARGV  1 least age of its last piece in ms
-- Returns 1 if it was freed, otherwise 0.
local staged, least_age_ms = KEYS[25], ARGV[1]
local last_piece_at = redis.call('ZSCORE', staging, staged)
if not last_piece_at or now_ms() - last_piece_at < tonumber(least_age_ms) then return 0 end
if redis.call('SISMEMBER', partials, staged) == 1 then
  redis.call('ZREM', staging, staged)
  return 0
end
free_staged(staged)
return 1
