"""/livez, /readyz and /metrics of a process."""

import asyncio
import contextlib
import signal
import socket
import statistics
import time
from collections.abc import AsyncIterator, Sequence

import httpx2 as httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from liuyan.health import AddressError, Check, address_of, bind, listen, serve_health, start_listening
from tests.harness import get

pytestmark = pytest.mark.timeout(20)


class Process:
    """A process whose readiness the test controls."""

    def __init__(self) -> None:
        self.ready = True
        self.registry = CollectorRegistry()
        Counter("comments", "Comments seen.", registry=self.registry).inc(3)

    async def is_ready(self) -> Sequence[Check]:
        return [
            Check("model", True, "The model is loaded."),
            Check("database", self.ready, "The database answers." if self.ready else "The database does not answer."),
        ]


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
async def client(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serve_health("127.0.0.1:0", ready=process.is_ready, registry=process.registry) as address,
        httpx.AsyncClient(base_url=f"http://{address}") as client,
    ):
        yield client


async def test_readyz_lists_all_checks(client: httpx.AsyncClient) -> None:
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {
        "ok": True,
        "checks": [
            {"name": "model", "ok": True, "detail": "The model is loaded."},
            {"name": "database", "ok": True, "detail": "The database answers."},
            {"name": "event_loop", "ok": True, "detail": "The event loop answers."},
        ],
    }


async def test_livez_succeeds_while_not_ready(process: Process, client: httpx.AsyncClient) -> None:
    process.ready = False
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"][1]["detail"] == "The database does not answer."
    assert (await client.get("/livez")).status_code == 200


async def test_metrics_contain_only_the_registry(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "comments_total 3.0" in answer.text
    assert "python_info" not in answer.text


async def test_responses_do_not_wait_for_acknowledgements(client: httpx.AsyncClient) -> None:
    seconds = []
    for _ in range(50):
        started_at = time.perf_counter()
        await client.get("/livez")
        seconds.append(time.perf_counter() - started_at)
    assert statistics.median(seconds) < 0.03  # A delayed acknowledgement takes 0.04.


async def test_port_in_use_is_reported(process: Process) -> None:
    async with serve_health("127.0.0.1:0", ready=process.is_ready, registry=process.registry) as address:
        with pytest.raises(AddressError, match=rf"Cannot listen on {address} \(Address already in use\)"):
            async with serve_health(address, ready=process.is_ready, registry=process.registry):
                pass


def test_connections_are_refused_before_listening() -> None:
    with contextlib.closing(bind("127.0.0.1:0")) as listener:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(listener.getsockname(), timeout=5)
        start_listening(listener)
        socket.create_connection(listener.getsockname(), timeout=5).close()


def test_second_listener_on_a_port_fails() -> None:
    with contextlib.closing(bind("127.0.0.1:0")) as later:
        address = address_of(later)
        with contextlib.closing(listen(address)), pytest.raises(AddressError, match="Address already in use"):
            start_listening(later)


async def test_port_is_released(process: Process) -> None:
    async with serve_health("127.0.0.1:0", ready=process.is_ready, registry=process.registry) as address:
        pass
    async with serve_health(address, ready=process.is_ready, registry=process.registry) as again:
        assert again == address


async def test_signal_handlers_are_not_changed(process: Process) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serve_health("127.0.0.1:0", ready=process.is_ready, registry=process.registry):
        await asyncio.sleep(0.05)
        assert signal.getsignal(signal.SIGTERM) is before


async def test_foreign_address_is_reported() -> None:
    process = Process()
    with pytest.raises(AddressError, match=r"Cannot listen on 192\.0\.2\.1:9000"):
        async with serve_health("192.0.2.1:9000", ready=process.is_ready, registry=process.registry):
            pass


async def test_blocked_event_loop_is_reported(process: Process) -> None:
    async with serve_health(
        "127.0.0.1:0", ready=process.is_ready, registry=process.registry, stalled_seconds=0.3
    ) as address:
        assert await asyncio.to_thread(get, f"http://{address}/livez") == (
            200,
            '{"ok":true,"checks":[{"name":"event_loop","ok":true,"detail":"The event loop answers."}]}',
        )
        response = asyncio.get_running_loop().run_in_executor(None, get, f"http://{address}/livez")
        time.sleep(1)  # noqa: ASYNC251 - blocks the event loop on purpose
        status, answer = await response
        assert (status, "has not answered for 0.3 s" in answer) == (503, True)
        assert (await asyncio.to_thread(get, f"http://{address}/livez"))[0] == 200


async def test_hanging_probe_is_a_failed_check(process: Process) -> None:
    async def hangs() -> Sequence[Check]:
        await asyncio.sleep(60)
        return []

    async with serve_health("127.0.0.1:0", ready=hangs, registry=process.registry, stalled_seconds=0.2) as address:
        status, answer = await asyncio.to_thread(get, f"http://{address}/readyz")
    assert (status, "event_loop" in answer) == (503, True)
