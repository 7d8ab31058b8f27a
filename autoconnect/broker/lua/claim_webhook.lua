-- Claims the webhook that is due first: until its lease ends, no other sender gets it. Also keeps the outbox open: jobs
-- that end put webhooks into it only while a sender asks for them.
-- ARGV  1 lease in ms
-- Returns the webhook, or '' if none is due; the ms until the first one is due, or '' if there is none; and how many
-- webhooks have ever been dropped because the outbox was full.
local lease_ms = ARGV[1]
local webhooks, outbox, sender = webhook_keys()
redis.call('DEL', sender) -- a full Redis does not refuse a script that begins with DEL
if redis.call('PTTL', webhooks) < WEBHOOK_LIFE_MS / 2 then
  redis.call('SET', webhooks, '', 'PX', WEBHOOK_LIFE_MS)
  redis.call('PEXPIRE', outbox, WEBHOOK_LIFE_MS)
end
local dropped = redis.call('HGET', counters, 'webhooks_dropped') or '0'
local webhook, due_at = unpack(redis.call('ZRANGE', outbox, 0, 0, 'WITHSCORES'))
if not webhook then return { '', '', dropped } end
local now = tonumber(now_ms())
local wait_ms = math.max(due_at - now, 0)
if wait_ms > 0 then return { '', string.format('%d', wait_ms), dropped } end
redis.call('ZADD', outbox, string.format('%d', now + lease_ms), webhook)
return { webhook, '0', dropped }
