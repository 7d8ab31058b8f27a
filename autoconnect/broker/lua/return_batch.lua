-- A worker gives back what is in its claimed list: because mapping it failed, or because the worker has to stop.
-- KEYS  18 the worker's claimed list
-- ARGV  1 item, 2 generation, 3 batch, 4 worker, 5 MAX_ATTEMPTS or 0 where nothing failed, 6 the reason
-- Returns 1, or 0 where the worker did not have it any more.
local batch = remove_item(KEYS[18], ARGV[1], ARGV[2], ARGV[3], ARGV[4])
if not batch then return 0 end
give_up(ARGV[1], ARGV[3], batch, ARGV[4], ARGV[5] ~= '0' and ATTEMPTS, ARGV[5], ARGV[6])
return 1
