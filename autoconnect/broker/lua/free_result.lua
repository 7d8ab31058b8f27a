-- Removes the result of an ended job to free its memory, unless it is published, or forgets one that has expired.
-- Returns 1, or 0 if nothing may be removed.
if is_open() or redis.call('HGET', published, 'job') == id_of(job) then return 0 end
remove_result()
return 1
