"""Reserved ports are unique and free for their server."""

import socket

import pytest

from local_stack import ports
from local_stack.errors import LocalStackError
from local_stack.ports import ReservedPort


def test_port_is_reserved_until_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "FIRST", 19_000)
    monkeypatch.setattr(ports, "LAST", 19_000)
    with ReservedPort() as first:
        assert first.number == 19_000
        with pytest.raises(LocalStackError, match="No free port"):
            ReservedPort()
    with ReservedPort() as again:
        assert again.number == 19_000


def test_port_in_use_is_not_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken = listener.getsockname()[1]
        monkeypatch.setattr(ports, "FIRST", taken)
        monkeypatch.setattr(ports, "LAST", taken)
        assert ports.answers(taken)
        with pytest.raises(LocalStackError, match="No free port"):
            ReservedPort()


def test_reserved_port_does_not_answer() -> None:
    with ReservedPort() as port:
        assert not ports.answers(port.number)
        with socket.create_server(("127.0.0.1", port.number)):
            assert ports.answers(port.number)
