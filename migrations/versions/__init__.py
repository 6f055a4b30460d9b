"""One file per migration, named after its revision and its change.

Migrations run on MySQL, MariaDB and SQLite and only upgrade. Released files never change; a later migration corrects
mistakes.
"""
