"""The tables, and every query that the consumer and the api share; nothing here knows Kafka, HTTP or the model.

A batch goes through store.py (the verbs), write.py (one transaction from fence to counts), claim.py (locks and what
stands), decide.py (the contract's rules, pure), copies.py (dead letters come back) and bulk.py (the statements, in two
dialects); people's work goes through queue.py (who gets which comment), reviews.py (one transaction a decision),
opinions.py (which review stands, pure), search.py (lists, along an index by steps.py), comments.py (one comment with
its history), analytics.py, corrections.py and export.py. tables.py and admin_tables.py list every table, engine.py
opens connections, faults.py sorts errors, and what is left has one module a subject.
"""
