"""The tables, and every query that the consumer and the API share; nothing here depends on Kafka, HTTP or the model.

A batch passes through write.py (one transaction from fence to counts), lock_keys.py (locks and current rows), merge.py
(the contract's rules, pure), requeued.py (requeued dead letters) and bulk.py (the statements, in two dialects). Reviews
use queue.py (which reviewer gets which comment), reviews.py (one transaction per decision), groups.py (one decision for
all copies of a text) and opinions.py (which review is current, pure); comments.py and search.py read comments with
their labels, and tables.py, review_tables.py and admin_tables.py define the tables.
"""
