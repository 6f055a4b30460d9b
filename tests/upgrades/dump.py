"""`python -m tests.upgrades.dump`: write the databases of the previous release to `0017.*.sql`, for fast tests.

Each line is a statement. The comments are made up, see `fill.py`.
"""

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymysql
from sqlalchemy import make_url

from local_stack.mariadb import MariaDB
from local_stack.mysql import MySQL
from tests.templates import connect
from tests.upgrades.release import REVISION, export_previous, run_with

FOLDER = Path(__file__).parent
FILL = FOLDER / "fill.py"


def dump_file(kind: str) -> Path:
    """Return the dump of a database that the previous release filled: mysql, mariadb or sqlite."""
    return FOLDER / f"{REVISION}.{kind}.sql"


def load(kind: str, url: str) -> None:
    """Execute the statements of a dump in an empty database."""
    content = dump_file(kind).read_text(encoding="utf-8")
    if kind == "sqlite":
        connection = sqlite3.connect(str(make_url(url).database))
        connection.executescript(content)
        connection.close()
        return
    with connect(make_url(url)) as server, server.cursor() as cursor:
        cursor.execute("SET foreign_key_checks = 0, autocommit = 0")
        for statement in content.splitlines():
            cursor.execute(statement)
        server.commit()


def _sqlite_statements(url: str) -> Iterator[str]:
    connection = sqlite3.connect(str(make_url(url).database))
    for statement in connection.iterdump():
        yield statement if statement.startswith("INSERT") else _one_line(statement)
    connection.close()


def _server_statements(url: str) -> Iterator[str]:
    with connect(make_url(url)) as server, server.cursor() as cursor:
        cursor.execute("SHOW FULL TABLES")
        kinds = {str(name): str(kind) for name, kind in cursor.fetchall()}
        tables = [name for name, kind in kinds.items() if kind == "BASE TABLE"]
        for name in tables:
            cursor.execute(f"SHOW CREATE TABLE `{name}`")
            yield _one_line(cursor.fetchall()[0][1])
            cursor.execute(f"SELECT * FROM `{name}`")
            for row in cursor.fetchall():
                yield f"INSERT INTO `{name}` VALUES ({', '.join(_literal(server, value) for value in row)})"
        for name in kinds.keys() - set(tables):
            cursor.execute(f"SHOW CREATE VIEW `{name}`")
            definition = re.sub(r"DEFINER=\S+ ", "", cursor.fetchall()[0][1])
            yield _one_line(definition).replace(f"`{make_url(url).database}`.", "")


def _literal(server: "pymysql.Connection[pymysql.cursors.Cursor]", value: object) -> str:
    return f"X'{value.hex()}'" if isinstance(value, bytes) else str(server.escape(value))


def _one_line(statement: str) -> str:
    return " ".join(statement.split())


def main() -> None:
    """Write the three dumps."""
    with tempfile.TemporaryDirectory() as name, MySQL() as mysql, MariaDB() as mariadb:
        release = Path(name, "release")
        release.mkdir()
        export_previous(release)
        urls = {
            "mysql": mysql.create_database("previous"),
            "mariadb": mariadb.create_database("previous"),
            "sqlite": f"sqlite+aiosqlite:///{name}/previous.db",
        }
        for kind, url in urls.items():
            run_with(release, FILL, [url])
            statements = _sqlite_statements(url) if kind == "sqlite" else _server_statements(url)
            dump_file(kind).write_text("".join(f"{one}\n" for one in statements), encoding="utf-8")


if __name__ == "__main__":
    main()
