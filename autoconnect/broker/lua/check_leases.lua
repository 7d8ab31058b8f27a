-- Checks the leases of all workers, so that the ready list grows and shrinks with the number of live ones.
-- ARGV  1 a full lease in ms
-- Returns nothing.
local lease_ms = ARGV[1]
check_leases(lease_ms)
refill()
