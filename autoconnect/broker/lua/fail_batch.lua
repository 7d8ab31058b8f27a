-- A worker has seen in its batch that the job cannot end well: the batch is dead and the job fails, without more attempts.
-- KEYS  18 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker, 5 the reason
-- Returns 1, or 0 where the batch was not the worker's any more.
local batch = remove_item(KEYS[18], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
if not batch then return 0 end
kill_batch(ARGV[3], batch, ARGV[5], ARGV[5])
return 1
