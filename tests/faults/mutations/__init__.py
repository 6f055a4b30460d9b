"""Deliberate defects, each a patch: a run of the faults on a copy with one of them must turn red.

A safeguard that could be taken out without any fault showing it would be needless, or its fault missing.
`python -m tests.faults.mutations` applies each to a copy and says which ones were caught.
"""

# There was a question to the database once, after an answer to COMMIT that was lost: had the batch been stored? Leaving
# it out, or answering it wrongly either way, no fault could show. A batch taken for stored that was not makes the next
# one fail its compare-and-set; one taken for lost that was stored fails it when it is written again; both times the
# stored positions are read, and they are right. So the question went, and the defect with it. In its place stands
# last_record.patch: the next offset counted from the last record and not taken from the position behind the poll.
