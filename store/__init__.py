"""The tables, and every query that the consumer and the api share; nothing here knows Kafka, HTTP or the model.

Whatever reads or writes is a function that takes the transaction it runs in, ``connection`` (AsyncConnection) to read
or ``session`` (WriteSession) to write: ``store.read(function, ...)`` and ``store.write(function, ...)`` run one in a
transaction of its own, ``store.reading()`` and ``store.writing()`` several in one, and only what needs several
transactions takes the store, as exports and bulk actions do.

A batch goes through write.py (one transaction from fence to counts), claim.py (locks and current rows), decide.py (the
contract's rules, pure), copies.py (requeued dead letters) and bulk.py (the statements, in two dialects), and people's
work through queue.py (who gets which comment), reviews.py (one transaction a decision), opinions.py (which review is
current, pure), search.py (lists, along an index by steps.py), comments.py (one comment with its history), analytics.py,
corrections.py and export.py; tables.py, review_tables.py and admin_tables.py list every table, store.py opens
transactions, engine.py opens connections, faults.py sorts errors, and every other module is named after its subject.
"""
