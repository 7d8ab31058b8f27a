-- Frees the partials that a failed job keeps for a retry, which then begins from the start.
-- Returns 1, or 0 if the job is open again.
if is_open() then
  redis.call('ZREM', retained, id_of(job))
  return 0
end
free_partials()
return 1
