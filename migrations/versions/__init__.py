"""One file a migration, named by its number and what it changes.

Each runs on MySQL, MariaDB and SQLite, forwards only. What was released is never edited: a mistake is mended by the
next file.
"""
