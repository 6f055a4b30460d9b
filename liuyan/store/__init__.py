"""The tables, and every query that the consumer and the api share; nothing here knows Kafka, HTTP or the model.

A batch goes through store.py (the verbs), write.py (one transaction from fence to counts), claim.py (locks and what
stands), decide.py (the contract's rules, pure) and bulk.py (the statements, in two dialects).
The pages are read in comments.py; tables.py lists every table, engine.py opens connections, faults.py sorts errors.
"""
