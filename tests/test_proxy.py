"""deploy/nginx.conf, the API's reverse proxy in Compose, tested with a real nginx."""

import asyncio
import contextlib
import re
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_stack.apt import unpack
from local_stack.database import unpacked_command
from local_stack.downloads import cached_folder
from local_stack.process import Process
from tests.harness import free_port

CONFIG = Path(__file__).parent.parent / "deploy" / "nginx.conf"
pytestmark = [pytest.mark.timeout(180), pytest.mark.server]


class Upstream:
    """Replaces the API: records request heads and responds with 401 without reading bodies."""

    def __init__(self) -> None:
        self.heads: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()


@pytest.fixture(scope="module")
def nginx() -> list[str]:
    """Return the command of the system's nginx, or of Debian's nginx in the cache folder."""
    installed = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if installed is not None:
        return [installed]
    message = "Downloading nginx from Debian's packages (5 MB) ..."
    root = cached_folder("nginx", message, lambda folder: unpack("nginx", folder))
    return unpacked_command(root, "usr/sbin/nginx")


@pytest.fixture
async def upstream(nginx: list[str], tmp_path: Path) -> AsyncIterator[tuple[Upstream, int]]:
    """Run nginx with the configuration, except for addresses, folders and timeouts of one second."""
    api, port = Upstream(), free_port()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0)
    config = CONFIG.read_text().replace("/tmp/", f"{tmp_path}/")
    config = config.replace("server api:8000;", f"server 127.0.0.1:{server.sockets[0].getsockname()[1]};")
    config, count = re.subn(r"(client_header_timeout|client_body_timeout) 10s", r"\1 1s", config)
    assert count == 2
    (tmp_path / "nginx.conf").write_text(config.replace("listen 8080;", f"listen 127.0.0.1:{port};"))
    command = [*nginx, "-p", str(tmp_path), "-e", "stderr", "-c", str(tmp_path / "nginx.conf"), "-g", "daemon off;"]
    process = Process(command, tmp_path / "log")
    try:
        await _wait_until_listening(port)
        async with server:
            yield api, port
    finally:
        await asyncio.to_thread(process.kill)


async def _wait_until_listening(port: int) -> None:
    for _ in range(100):
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        await asyncio.sleep(0.1)
    pytest.fail("nginx does not listen; see its log in the test's folder")


async def exchange(port: int, content: bytes) -> bytes:
    """Send data and return the response until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(content)
    answer = b""
    async with asyncio.timeout(20):
        with contextlib.suppress(ConnectionError):
            answer = await reader.read()
    writer.close()
    return answer


async def test_request_has_its_host_and_client_address(upstream: tuple[Upstream, int]) -> None:
    api, port = upstream
    head = b"GET /api/v1/comments HTTP/1.1\r\nHost: liuyan.example:8000\r\nX-Forwarded-For: 6.6.6.6\r\n"
    answer = await exchange(port, head + b"Connection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 401")
    assert "Host: liuyan.example:8000\r\n" in api.heads[0]
    assert "X-Forwarded-For: 127.0.0.1\r\n" in api.heads[0]
    assert "X-Forwarded-Proto: http\r\n" in api.heads[0]
    assert "6.6.6.6" not in api.heads[0]


@pytest.mark.parametrize("content", [b"", b"GET / HTTP/1.1\r\nHost: loc"], ids=["silent", "half a head"])
async def test_connection_with_an_incomplete_head_is_closed(upstream: tuple[Upstream, int], content: bytes) -> None:
    api, port = upstream
    assert b"200" not in await exchange(port, content)
    assert api.heads == []


async def test_api_responds_before_the_body_has_arrived(upstream: tuple[Upstream, int]) -> None:
    api, port = upstream
    head = b"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"
    assert (await exchange(port, head + b"x" * 1_000)).startswith(b"HTTP/1.1 401")
    assert len(api.heads) == 1


async def test_body_that_is_too_large_does_not_reach_the_api(upstream: tuple[Upstream, int]) -> None:
    api, port = upstream
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
    async with asyncio.timeout(20):
        answer = await reader.readline()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 413")
    assert api.heads == []
