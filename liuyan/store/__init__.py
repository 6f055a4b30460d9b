"""The tables, and every query that the consumer and the api share; nothing here knows Kafka, HTTP or the model.

A batch goes through store.py (the verbs), write.py (one transaction from fence to counts), claim.py (locks and what
stands), decide.py (the contract's rules, pure), copies.py (dead letters come back) and bulk.py (the statements, in two
dialects). Pages are read in comments.py and letters.py, outbox.py holds what consumers shall publish, tables.py lists
every table, engine.py opens connections, faults.py sorts errors.
"""
