"""The tables, and every query that the consumer and the api share; nothing here knows Kafka, HTTP or the model.

Whatever reads or writes is a function that takes the transaction it runs in: ``connection`` (AsyncConnection) to read,
``session`` (WriteSession) to write. ``store.read(function, ...)`` and ``store.write(function, ...)`` run one in a
transaction of its own, ``store.reading()`` and ``store.writing()`` several in one. Only what needs several transactions
takes the store: registering a model, reviews and claims, which are tried again after a conflict, and exports and bulk
actions, which go on in parts.

A batch goes through store.py (opens transactions), write.py (one transaction from fence to counts), claim.py (locks and
what stands), decide.py (the contract's rules, pure), copies.py (dead letters come back) and bulk.py (the statements, in
two dialects); people's work goes through queue.py (who gets which comment), reviews.py (one transaction a decision),
opinions.py (which review stands, pure), search.py (lists, along an index by steps.py), comments.py (one comment with
its history), analytics.py, corrections.py and export.py. tables.py and admin_tables.py list every table, engine.py
opens connections, faults.py sorts errors, and what is left has one module a subject.
"""
