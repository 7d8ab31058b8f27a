-- Postpones a webhook that could not be sent by half of its age, or gives it up if it is too old.
-- ARGV  1 webhook, 2 shortest and 3 longest wait in ms
-- Returns the wait in ms, 0 if the webhook was given up, or false if it is no longer there.
local webhook, shortest_ms, longest_ms = unpack(ARGV, 1, 3)
local _, outbox = webhook_keys()
if redis.call('ZREM', outbox, webhook) == 0 then return false end -- first, so a full Redis does not refuse the rest
local now = tonumber(now_ms())
local age_ms = now - ended_at(webhook)
if age_ms >= WEBHOOK_LIFE_MS then
  count('webhooks_given_up', 1)
  return 0
end
local wait_ms = math.floor(math.min(math.max(age_ms / 2, shortest_ms), longest_ms))
redis.call('ZADD', outbox, string.format('%d', now + wait_ms), webhook)
redis.call('PEXPIRE', outbox, WEBHOOK_LIFE_MS)
return wait_ms
