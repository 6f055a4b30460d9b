"""Tests of the store, each on MySQL, MariaDB and SQLite where they could differ.

Every test has an empty database of its own. What a batch must lead to is said in plain Python, and the tables are
compared with it.
"""
