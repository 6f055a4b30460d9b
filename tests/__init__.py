"""Tests mirror the tree: what is in store is tested in tests/store.

Servers are genuine ones, handed out by the fixtures of conftest.py, and a test that cannot get its server fails. What
takes longer than half a minute is marked `long` and runs with `make test-long`.
"""
