-- Counts the workers that live, so that the ready list grows and shrinks with them.
count_workers()
refill()
