"""Tests of the registry, on MySQL, MariaDB and SQLite wherever they could differ.

Artifacts are random networks of a few kilobytes, so that nothing has to be trained. Each test starts with an empty
database and an empty cache folder.
"""
