-- Renews the lease of a reducer, or makes a new one: Redis may have come back without it.
-- KEYS  16 the lease
-- ARGV  1 lease in ms
-- Returns nothing.
renew_reducer(KEYS[16], ARGV[1])
