-- Lets other reducers work on a job.
-- KEYS  25 the lease of the reducer that ends its work
-- Returns nothing.
if redis.call('HGET', job, 'reducer') == KEYS[25] then redis.call('HDEL', job, 'reducer') end
