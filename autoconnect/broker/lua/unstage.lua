-- Removes staged keys, unless they count: a partial keeps its name when it begins to count, a result gets another one.
-- ARGV  the staged keys
-- Returns nothing.
for _, staged in ipairs(ARGV) do
  if redis.call('SISMEMBER', partials, staged) == 0 then free_staged(staged) end
end
