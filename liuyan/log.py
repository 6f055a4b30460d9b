"""Structured logging to standard error, for the consumer and the API.

Log with `structlog.get_logger()`: a short constant event, variable data as keywords, and never a comment's text.
"""

import logging
import sys
from collections.abc import Mapping
from textwrap import indent
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor

from liuyan.packages import PACKAGES
from liuyan.repeats import RepeatFilter
from liuyan.terminal import UNPRINTABLE, json_line, printable
from liuyan.tracebacks import format_exception


def configure_logging(log_format: Literal["console", "json"] = "console", level: str = "info") -> None:
    """Write all log lines, including those of libraries, to standard error as text or as one JSON object per line.

    ``level`` is the lowest level written (``debug`` to ``error``) by Liuyan's own packages. Libraries log warnings and
    errors only: their other lines help their developers and may contain comments, such as the rows in SQLAlchemy's
    debug lines. Times are RFC 3339 in UTC.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format)],
        )
    )
    handler.addFilter(RepeatFilter(handler.handle))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.getLevelName(level.upper()), logging.WARNING))
    # Libraries log warnings and errors only: their other lines help their developers and may contain comments, such as
    # the rows in SQLAlchemy's debug lines.
    for name in PACKAGES:
        logging.getLogger(name).setLevel(level.upper())


def _name_app(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Add the application's name, because logger names such as `consumer.run` do not contain it."""
    return {"app": "liuyan", **event}


def _renderers(log_format: str) -> list[Processor]:
    """Return the final processors of a format.

    Tracebacks are plain, because rich ones print local variables, which may contain comments. Values are escaped, so
    that text from outside can neither forge a log line nor control a terminal.
    """
    exceptions = structlog.processors.ExceptionRenderer(format_exception)
    if log_format == "json":
        return [_name_app, exceptions, structlog.processors.JSONRenderer(serializer=_json_line)]
    return [
        exceptions,
        _escape_values,
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
        ),
    ]


def _json_line(fields: Mapping[str, object], **_options: object) -> str:
    return json_line(fields)


class _Quoted:
    """A string that the renderer prints as a Python literal, with unprintable characters escaped."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def _escape_values(_logger: object, _name: str, fields: EventDict) -> EventDict:
    """Escape all strings; tracebacks keep their lines, indented, so that none looks like a log line."""
    return {name: _escape(name, value) for name, value in fields.items()}


def _escape(name: str, value: object) -> object:
    if name in ("exception", "stack"):
        return indent(printable(value, keep="\n"), "    ")
    if name == "event":
        return printable(value)
    return _Quoted(value) if isinstance(value, str) and UNPRINTABLE.search(value) else value
