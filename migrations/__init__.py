"""Migrations of the tables, one file per revision; `liuyan store migrate` applies them in order.

A migration is written by hand, describes itself in its first line and never changes once it is released. The current
tables are defined in store/tables.py; a test checks that both result in the same database.
"""
