"""The history of the tables, one file a step: `liuyan store migrate` applies them in order to any of the databases.

A step is written by hand, says what it does in its first line, and is never changed once it was released.
What the tables are today stands in store/tables.py, and a test holds that both give the very same database.
"""
