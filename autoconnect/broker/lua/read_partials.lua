-- Reads all partials of a job at one instant.
-- Returns a list of name and fields.
local found = {}
for _, name in ipairs(redis.call('SMEMBERS', partials)) do
  found[#found + 1] = { name, redis.call('HGETALL', name) }
end
return found
