-- Compacts partials: replaces them by their sum, if every one of them is still there.
-- KEYS  18 the sum
-- ARGV  1 number of partials, then their names, then fields and values of the sum
-- Returns 1, or 0 if nothing was done.
local sum = KEYS[18]
local partial_count = tonumber(ARGV[1])
if partial_count == 0 then return 0 end
for index = 2, partial_count + 1 do
  if redis.call('SISMEMBER', partials, ARGV[index]) == 0 then return 0 end
end
for index = 2, partial_count + 1 do
  redis.call('DEL', ARGV[index])
  redis.call('SREM', partials, ARGV[index])
end
for index = partial_count + 2, #ARGV, 2 do
  redis.call('HSET', sum, ARGV[index], ARGV[index + 1])
end
redis.call('SADD', partials, sum)
return 1
