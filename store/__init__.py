"""The tables, and every query that the consumer and the API share; nothing here depends on Kafka, HTTP or the model.

A query is a function that takes ``connection`` (AsyncConnection); a change is a function that takes ``session``
(WriteSession). ``store.read(function, ...)`` and ``store.write(function, ...)`` run one of them in its own transaction;
``store.reading()`` and ``store.writing()`` run several in one. Only functions that need several transactions, such as
exports and bulk actions, take the store itself.

A batch passes through write.py (one transaction from fence to counts), lock_keys.py (locks and current rows), merge.py
(the contract's rules, pure), requeued.py (requeued dead letters) and bulk.py (the statements, in two dialects).

Reviews use queue.py (which reviewer gets which comment), reviews.py (one transaction per decision), opinions.py (which
review is current, pure), search.py (lists, read along an index by index_walk.py), comments.py (one comment with its
history), analytics.py, corrections.py and export.py.

tables.py and admin_tables.py define every table, store.py opens transactions, engine.py opens connections and faults.py
classifies errors. Every other module is named after its subject.
"""
