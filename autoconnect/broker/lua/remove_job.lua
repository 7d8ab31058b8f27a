-- Removes an ended job and its result, unless that is published.
-- Returns 1 if the job does not exist now, 0 if it is open or published.
if is_open() or redis.call('HGET', published, 'job') == id_of(job) then return 0 end
remove_job()
return 1
