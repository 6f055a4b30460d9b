"""Log lines in both formats."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

import pytest
import structlog
from pydantic import BaseModel, ValidationError

from liuyan.log import configure_logging
from liuyan.packages import PACKAGES
from liuyan.terminal import UNPRINTABLE

pytestmark = pytest.mark.usefixtures("restored_logging")


def test_json_is_one_object_per_line_in_utc(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    structlog.get_logger("consumer").info("batch stored", records=512, platform="论坛")
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "batch stored"
    assert (line["app"], line["logger"], line["level"]) == ("liuyan", "consumer", "info")
    assert (line["records"], line["platform"]) == (512, "论坛")
    assert line["time"].endswith("Z")
    assert abs((datetime.fromisoformat(line["time"]) - datetime.now(UTC)).total_seconds()) < 60


def test_libraries_log_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    logging.getLogger("aiokafka.consumer").warning("heartbeat failed for %s", "liuyan")
    logging.getLogger("aiokafka.consumer").info("joined")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [(line["event"], line["logger"]) for line in lines] == [("heartbeat failed for liuyan", "aiokafka.consumer")]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_logs_at_the_configured_level(package: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", "info")
    logger = structlog.get_logger(f"{package}.module")
    logger.debug("model is loading")
    logger.info("model loaded")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["model loaded"]


@pytest.mark.parametrize("name", ["sqlalchemy.engine.Engine", "aiokafka", "uvicorn.error", "python_multipart", "httpx"])
def test_debug_lines_of_libraries_are_never_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """SQLAlchemy's contain rows, and with them comments."""
    configure_logging("json", "debug")
    library = logging.getLogger(name)
    assert not library.isEnabledFor(logging.INFO)
    library.debug("Row %r", ("这家店太差了",))
    structlog.get_logger("store.search").debug("searched", rows=3)
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["searched"]


class Answer(BaseModel):
    """A model whose validation errors quote the text."""

    text: Literal["short"]


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_messages_of_validation_errors_are_not_written(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither are those of errors around them, which may repeat the message."""
    configure_logging("json" if log_format == "json" else "console", "info")
    try:
        try:
            Answer.model_validate({"text": "".join(["这家店", "太差了"])})
        except ValidationError as error:
            raise ExceptionGroup("several", [ValueError(str(error))]) from error
    except ExceptionGroup:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    written = capsys.readouterr().err
    assert "ValidationError (message hidden" in written
    assert "model_validate" in written
    assert "这家店太差了" not in written


def test_lines_below_the_level_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("console", "warning")
    log = structlog.get_logger("liuyan")
    log.info("quiet")
    log.warning("loud")
    written = capsys.readouterr().err
    assert "loud" in written
    assert "quiet" not in written


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_tracebacks_do_not_print_local_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json" if log_format == "json" else "console", "info")
    text_of_a_comment = "".join(["这家店", "太差了"])
    try:
        raise RuntimeError("went wrong with " + str(len(text_of_a_comment)))
    except RuntimeError:
        structlog.get_logger("liuyan").exception("failed")
    written = capsys.readouterr().err
    assert "RuntimeError: went wrong with 6" in written
    assert "太差了" not in written


FORGED = "2026-01-31T00:00:00Z [info     ] all is well"


def log_hostile_values(log_format: str) -> None:
    configure_logging("json" if log_format == "json" else "console", "info")
    log = structlog.get_logger("liuyan")
    log.warning(
        f"refused\n{FORGED}",
        topic=f"a\n{FORGED}\x1b[31m\u2028",
        ids=[f"b\n{FORGED}"],
        records=3,
        lag=None,
        key="\x9b\u202e",
    )
    try:
        raise RuntimeError(f"failed\n{FORGED}\x1b[2J")
    except RuntimeError:
        log.exception("stopped")
    logging.getLogger("library").warning("library message: %s", f"\r\n{FORGED}")


def test_console_values_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    log_hostile_values("console")
    written = capsys.readouterr().err
    assert [line for line in written.splitlines() if line.startswith(FORGED)] == []
    assert not UNPRINTABLE.search(written.replace("\n", ""))
    first = written.splitlines()[0]
    assert "records=3" in first
    assert "lag=None" in first
    assert f"topic='a\\n{FORGED}\\x1b[31m\\u2028'" in first
    assert "key='\\x9b\\u202e'" in first
    assert "    RuntimeError: failed" in written


def test_json_values_are_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    log_hostile_values("json")
    written = capsys.readouterr().err
    assert not UNPRINTABLE.search(written.replace("\n", ""))
    lines = [json.loads(line) for line in written.splitlines()]
    assert [line["level"] for line in lines] == ["warning", "error", "warning"]
    assert lines[0]["topic"] == f"a\n{FORGED}\x1b[31m\u2028"
