-- Lowers the limit of a job's cells, because a service with less memory has joined since the job was planned.
-- ARGV  1 the limit
-- Returns 1, or 0 if the job has no limit yet, or one that is not higher.
local max_cells = ARGV[1]
local current = redis.call('HGET', job, 'max_cells')
if not current or tonumber(current) <= tonumber(max_cells) then return 0 end
redis.call('HDEL', job, 'max_cells') -- a full Redis does not refuse a script that begins with HDEL
redis.call('HSET', job, 'max_cells', max_cells)
return 1
