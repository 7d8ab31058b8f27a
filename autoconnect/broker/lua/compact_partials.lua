-- Compacts partials of an open job: replaces them by their staged sum, if every one of them is still there.
-- KEYS  25 the staged sum
-- ARGV  1 number of fields of the sum, then the names of the partials
-- Returns 1, or 0 if nothing was done.
local sum, field_count = KEYS[25], ARGV[1]
if redis.call('SISMEMBER', partials, sum) == 1 then return 1 end -- this call was sent before
local status = redis.call('HGET', job, 'status')
if #ARGV == 1 or (status ~= 'running' and status ~= 'reducing') then return 0 end
if redis.call('HLEN', sum) ~= tonumber(field_count) then return 0 end
for index = 2, #ARGV do
  if redis.call('SISMEMBER', partials, ARGV[index]) == 0 then return 0 end
end
for index = 2, #ARGV do
  redis.call('UNLINK', ARGV[index])
  redis.call('SREM', partials, ARGV[index])
end
add_partial(sum)
return 1
