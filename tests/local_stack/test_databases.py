"""MySQL and MariaDB start, keep their data after a kill, can be paused, and have a single account."""

from collections.abc import Iterator, Sequence

import pymysql
import pytest
from sqlalchemy import make_url

from local_stack.database import DatabaseServer
from local_stack.errors import LocalStackError
from local_stack.mariadb import MariaDB
from local_stack.mysql import MySQL

pytestmark = pytest.mark.server


def query(
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


def test_data_and_port_survive_kill_and_restart(server: DatabaseServer) -> None:
    url = server.create_database("kept")
    query(url, "CREATE TABLE comments (text VARCHAR(20))")
    query(url, "INSERT INTO comments VALUES ('挺好的😀')")

    server.kill()
    assert not server.running
    server.start()
    assert server.url("kept") == url
    assert query(url, "SELECT text FROM comments") == (("挺好的😀",),)

    server.restart()
    assert query(url, "SELECT text FROM comments") == (("挺好的😀",),)


def test_paused_database_does_not_answer_until_resumed(server: DatabaseServer) -> None:
    url = server.url("mysql")
    server.pause()
    with pytest.raises(pymysql.OperationalError):
        query(url, "SELECT 1")
    server.resume()
    assert query(url, "SELECT 1") == ((1,),)


def test_other_accounts_have_no_access(server: DatabaseServer) -> None:
    url = server.url("mysql")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        query(url, "SELECT 1", password="wrong")
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        query(url, "SELECT 1", password="", user="root")


def test_failed_start_is_explained() -> None:
    server = MariaDB(["--no-such-option"])
    with pytest.raises(LocalStackError, match=r"(?s)MariaDB ended during startup.*no-such-option"), server:
        pass
    assert not server.folder.exists()
