-- Looks at the leases of all workers, so that the ready list grows and shrinks with those that live.
-- ARGV  1 a whole lease in ms
check_leases(ARGV[1])
refill()
