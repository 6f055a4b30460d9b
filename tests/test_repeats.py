"""Repeated lines are written once and then counted; all other lines are written."""

import json
import logging
import sys

import pytest
import structlog

from liuyan.log import configure_logging
from liuyan.repeats import MOST_KINDS, RepeatFilter


class RetriableError(Exception):
    """Has the flag of aiokafka's errors that may be retried."""

    retriable = True


def line(message: object, *arguments: object, name: str = "aiokafka", level: int = logging.ERROR) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, arguments, None)


@pytest.fixture
def written() -> list[str]:
    return []


@pytest.fixture
def repeats(written: list[str]) -> RepeatFilter:
    return RepeatFilter(lambda record: written.append(record.getMessage()), seconds=3_600)


def test_unavailable_server_is_one_line_and_a_count(repeats: RepeatFilter, written: list[str]) -> None:
    lines = [
        line("Unable connect to node with id %s: %s", 1, ConnectionRefusedError(111, "refused")),
        line("Failed fetch messages from %s: %s", 1, RetriableError("closed"), name="aiokafka.consumer.fetcher"),
        line("Unable to update metadata from %s", [1]),
        line("Marking the coordinator dead (node %s)for group %s.", 1, "g", level=logging.WARNING),
    ]
    passed = [repeats.filter(one) for _ in range(10) for one in lines]
    assert passed == [True] + [False] * 39
    repeats.report()
    assert written == [
        "Unable connect to node with id 1: [Errno 111] refused (and 39 more similar lines within 3600 s)"
    ]
    repeats.report()
    assert len(written) == 1
    assert repeats.filter(lines[1]), "after an interval without repetitions it is written again"


def test_other_errors_of_the_same_library_are_written(repeats: RepeatFilter) -> None:
    assert repeats.filter(line("Failed fetch messages from %s: %s", 1, RetriableError("closed")))
    for other in (
        line("Failed fetch messages from %s: %s", 1, ValueError("unexpected")),
        line("Topic %s is not authorized for this client", "a"),
        line("Unexpected error in fetcher routine"),
        line("Unable connect to node with id %s: %s", 1, OSError(111, "refused"), name="aiomysql"),
    ):
        assert repeats.filter(other), other.getMessage()
        assert not repeats.filter(other), other.getMessage()


def test_lines_of_other_libraries_are_always_written(repeats: RepeatFilter) -> None:
    for always in (
        line("refused", name="uvicorn.error"),
        line({"event": "record refused by the database"}, name="consumer"),
        line("joined", level=logging.INFO),
    ):
        assert [repeats.filter(always) for _ in range(3)] == [True] * 3


def test_each_exception_of_a_request_has_one_traceback(repeats: RepeatFilter) -> None:
    def failed(kind: type[Exception], message: str, *, elsewhere: bool = False) -> logging.LogRecord:
        try:
            if elsewhere:
                raise kind(message)
            raise kind(message)
        except kind:
            return logging.LogRecord("uvicorn.error", logging.ERROR, __file__, 1, "Exception", (), sys.exc_info())

    assert repeats.filter(failed(ValueError, "first"))
    assert not repeats.filter(failed(ValueError, "second"))
    assert repeats.filter(failed(TypeError, "first"))
    assert repeats.filter(failed(ValueError, "first", elsewhere=True))


def test_lines_beyond_the_remembered_kinds_are_written(repeats: RepeatFilter) -> None:
    numbers = range(MOST_KINDS + 5)
    assert all(repeats.filter(line(f"something else, {number}")) for number in numbers)
    assert [repeats.filter(line(f"something else, {number}")) for number in numbers] == [False] * MOST_KINDS + [
        True
    ] * 5


@pytest.mark.usefixtures("restored_logging")
def test_own_retries_are_written_once_per_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    log = structlog.get_logger("liuyan.tests")
    for error in ("timeout", "timeout", "refused", "timeout"):
        log.warning("retrying", error=error, repeats=True)
    [repeat_filter] = [one for one in logging.getLogger().handlers[0].filters if isinstance(one, RepeatFilter)]
    repeat_filter.report()
    lines = [json.loads(text) for text in capsys.readouterr().err.splitlines()]
    assert [(one["error"], one.get("more")) for one in lines] == [("timeout", None), ("refused", None), ("timeout", 2)]
    assert all("repeats" not in one for one in lines)
