"""Upgrades of databases that the previous release has written.

``*.sql`` are dumps of made-up comments that this release stored, one per kind of database. The long tests run both
releases at the same time; they need the repository's history.
"""
