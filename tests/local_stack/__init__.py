"""Tests of the servers that are started here: of their life and death, not of what Kafka or MySQL do.

The programs are the genuine ones, downloaded when they are not in the cache yet. Each test starts servers of its own,
since it kills them.
"""
