"""TLS to MySQL: trusted, refused, and no silent fallback to plain text."""

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import text

from local_stack.certificates import Authority
from local_stack.mysql import MySQL
from store.errors import StoreError
from store.migrate import migrate
from store.store import Store
from store.tls import refuse_plain

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[MySQL]:
    """A MySQL that refuses connections without TLS, with a certificate for 127.0.0.1."""
    certificate, key = authority.issue("mysql")
    options = [f"--ssl-ca={authority.file}", f"--ssl-cert={certificate}", f"--ssl-key={key}"]
    with MySQL(options) as server:
        server.create_database("liuyan")
        yield server


async def cipher(url: str) -> str:
    async with Store.open(url) as store:
        await migrate(store.engine, lambda step: None)
        await store.check_ready()
        async with store.reading() as connection:
            return str((await connection.execute(text("SHOW STATUS LIKE 'Ssl_cipher'"))).one()[1])


async def refusal(url: str) -> str:
    with pytest.raises(StoreError) as refused:
        async with Store.open(url) as store:
            await store.check_ready()
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def test_connections_are_encrypted(server: MySQL, authority: Authority) -> None:
    url = server.url("liuyan")
    assert await cipher(url) == ""
    assert await cipher(f"{url}&ssl_ca={authority.file}") != ""
    certificate, key = authority.issue("client")
    assert await cipher(f"{url}&ssl_ca={authority.file}&ssl_cert={certificate}&ssl_key={key}") != ""


async def test_a_certificate_of_an_untrusted_ca_is_refused(server: MySQL, tmp_path: Path) -> None:
    foreign = Authority(tmp_path)
    sentence = await refusal(f"{server.url('liuyan')}&ssl_ca={foreign.file}")
    assert "The TLS handshake with the database" in sentence
    assert "certificate" in sentence


async def test_certificates_that_mysql_generated() -> None:
    with MySQL() as server:
        url = server.create_database("liuyan")
        own = f"{url}&ssl_ca={server.folder / 'data' / 'ca.pem'}"
        assert await cipher(f"{own}&ssl_check_hostname=false") != ""
        assert "127.0.0.1" in await refusal(own)


async def test_a_server_without_tls_is_refused(authority: Authority) -> None:
    with MySQL(["--tls-version="]) as server:
        url = server.create_database("liuyan")
        assert "ended the handshake. If LIUYAN_DATABASE_URL asks for TLS" in await refusal(
            f"{url}&ssl_ca={authority.file}"
        )


def test_a_session_without_tls_is_refused(server: MySQL) -> None:
    """An attacker on the network can remove TLS from the server's capabilities."""
    connection = pymysql.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=server.password, ssl_disabled=True
    )
    with connection, pytest.raises(StoreError, match="does not offer it"):
        refuse_plain(connection, None)


@pytest.mark.parametrize("parameters", ["ssl_ca=/no/such.pem", "ssl_cert=/no/such.pem&ssl_key=/no/such.key"])
async def test_a_missing_file_is_named(parameters: str) -> None:
    sentence = await refusal(f"mysql+aiomysql://u:secret@127.0.0.1:1/liuyan?{parameters}")
    assert "/no/such" in sentence
    assert "No such file" in sentence
    assert "secret" not in sentence
