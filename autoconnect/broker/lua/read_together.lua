-- Runs several commands that only read, at one instant. A full Redis refuses transactions, but not this script. Runs
-- without the prelude.
-- KEYS  those of the commands
-- ARGV  for each command, the number of its words, then these
-- Returns the replies.
local replies, index = {}, 1
while ARGV[index] do
  local last = index + ARGV[index]
  table.insert(replies, redis.call(unpack(ARGV, index + 1, last)))
  index = last + 1
end
return replies
