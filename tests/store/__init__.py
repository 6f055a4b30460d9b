"""Tests of the store, on MySQL, MariaDB and SQLite wherever they could differ.

Every test starts with an empty database. The expected contents are computed in plain Python and compared with the
tables.
"""
