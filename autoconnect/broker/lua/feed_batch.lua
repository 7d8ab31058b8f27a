-- Feeds an inline job its next batch: puts the last piece of its lines into Redis, and the item on the waiting list.
-- ARGV  1 item, 2 generation, 3 batch number, 4 number of pieces, 5 the last piece
-- Returns 1, or 0 if it is not this batch's turn, or an earlier piece is lost.
local item, generation, number, piece_count, last_piece = unpack(ARGV, 1, 5)
if not is_fed_next(generation, number) then return 0 end
for piece = 1, piece_count - 1 do
  if redis.call('HEXISTS', lines, lines_field(number, piece)) == 0 then return 0 end
end
redis.call('HSET', lines, number, last_piece)
if tonumber(piece_count) > 1 then
  local batch = read_batch(number)
  batch.pieces = tonumber(piece_count)
  write_batch(number, batch)
end
redis.call('HSET', job, 'fed', number + 1)
redis.call('RPUSH', waiting, item)
activate()
refill()
return 1
