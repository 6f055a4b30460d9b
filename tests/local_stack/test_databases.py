"""MySQL and MariaDB: each starts, keeps its data over a kill, stands still and goes on, and lets nobody else in."""

from collections.abc import Iterator, Sequence

import pymysql
import pytest
from sqlalchemy import make_url

from local_stack.database import DatabaseServer
from local_stack.errors import LocalStackError
from local_stack.mariadb import MariaDB
from local_stack.mysql import MySQL

pytestmark = pytest.mark.server


def ask(
    url: str, statement: str, *, password: str | None = None, user: str | None = None
) -> Sequence[Sequence[object]]:
    address = make_url(url)
    connection = pymysql.connect(
        host="127.0.0.1",
        port=address.port or 0,
        user=user or address.username,
        password=(address.password or "") if password is None else password,
        database=address.database,
        charset="utf8mb4",
        autocommit=True,
        read_timeout=2,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(statement)
        rows: Sequence[Sequence[object]] = cursor.fetchall()
        return rows


@pytest.fixture(scope="module", params=[MySQL, MariaDB], ids=["mysql", "mariadb"])
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    kind: type[DatabaseServer] = request.param
    with kind() as started:
        yield started
    assert not started.running
    assert not started.folder.exists()


def test_database_keeps_its_data_and_its_port_over_kill_and_restart(server: DatabaseServer) -> None:
    url = server.create_database("kept")
    ask(url, "CREATE TABLE comments (text VARCHAR(20))")
    ask(url, "INSERT INTO comments VALUES ('挺好的😀')")

    server.kill()
    assert not server.running
    server.start()
    assert server.url("kept") == url
    assert ask(url, "SELECT text FROM comments") == (("挺好的😀",),)

    server.restart()
    assert ask(url, "SELECT text FROM comments") == (("挺好的😀",),)


def test_a_paused_database_answers_nobody_until_it_goes_on(server: DatabaseServer) -> None:
    url = server.url("mysql")
    server.pause()
    with pytest.raises(pymysql.OperationalError):
        ask(url, "SELECT 1")
    server.resume()
    assert ask(url, "SELECT 1") == ((1,),)


def test_nobody_but_its_own_account_gets_in(server: DatabaseServer) -> None:
    url = server.url("mysql")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        ask(url, "SELECT 1", password="wrong")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        ask(url, "SELECT 1", password="", user="root")


def test_a_database_that_does_not_start_says_why() -> None:
    server = MariaDB(["--no-such-option"])
    with pytest.raises(LocalStackError, match=r"(?s)MariaDB ended while it started.*no-such-option"), server:
        pass
    assert not server.folder.exists()
