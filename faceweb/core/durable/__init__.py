"""One machine for durable work: rows that are claimed, leased, sent to workers, reaped and fair.

A row is the truth and a message only says where to look, so that messages may be lost or doubled
and workers may die at any line. What is particular to one sort of row - what it is about, what its
end means - is said by its `faceweb.core.durable.queue.DurableQueue`; all else is here, once.
"""
