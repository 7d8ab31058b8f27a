-- Removes a webhook that was sent, or cannot be sent, from the outbox.
-- ARGV  1 webhook, 2 whether it was sent (1 or 0)
-- Returns nothing.
local webhook, was_sent = unpack(ARGV, 1, 2)
local _, outbox = webhook_keys()
if redis.call('ZREM', outbox, webhook) == 0 then return end -- a repeated call, or two senders had the webhook
if was_sent == '1' then count('webhooks_sent', 1) else count('webhooks_given_up', 1) end
