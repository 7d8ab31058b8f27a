-- Reads all partials of a job at one instant.
-- Returns a list of pairs: the name of a partial, and its fields and values.
local names_and_fields = {}
for _, name in ipairs(redis.call('SMEMBERS', partials)) do
  names_and_fields[#names_and_fields + 1] = { name, redis.call('HGETALL', name) }
end
return names_and_fields
