-- Replaces partials by their sum, if every one of them is still there.
-- KEYS  18 the sum
-- ARGV  1 number of partials, then their names, then field and value of the sum
-- Returns 1, or 0 where nothing was done.
local count = tonumber(ARGV[1])
if count == 0 then return 0 end
for place = 2, count + 1 do
  if redis.call('SISMEMBER', partials, ARGV[place]) == 0 then return 0 end
end
for place = 2, count + 1 do
  redis.call('DEL', ARGV[place])
  redis.call('SREM', partials, ARGV[place])
end
for place = count + 2, #ARGV, 2 do
  redis.call('HSET', KEYS[18], ARGV[place], ARGV[place + 1])
end
redis.call('SADD', partials, KEYS[18])
return 1
