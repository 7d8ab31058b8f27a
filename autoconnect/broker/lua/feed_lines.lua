-- Puts a piece of the lines of an inline job's next batch into Redis; `feed_batch` puts the last one.
-- ARGV  1 generation, 2 batch number, 3 number of the piece, 4 the piece
-- Returns 1, or 0 if it is not this batch's turn.
local generation, number, piece, text = unpack(ARGV, 1, 4)
if not is_fed_next(generation, number) then return 0 end
redis.call('HSET', lines, lines_field(number, piece), text)
return 1
