"""Structured log lines on standard error, set up the same way for the consumer and the API.

Log with `structlog.get_logger()`: an event in a few words, everything that varies as keywords, never a comment's text.
"""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

from liuyan.repeats import RepeatFilter

# Libraries that tell what only their developers want to read, or, as aiosqlite does, every comment that is written.
CHATTY = ("aiokafka", "aiosqlite", "alembic", "asyncio", "starlette_admin", "uvicorn")


def configure_logging(log_format: Literal["console", "json"] = "console", level: str = "info") -> None:
    """Send every log line, the libraries' too, to standard error as text for people or one JSON object a line.

    ``level`` is the least severe level written (``debug`` .. ``error``); times are RFC 3339 in UTC.
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
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def _renderers(log_format: str) -> list[Processor]:
    """Tracebacks are plain in both forms: the richer ones print local variables, and so the texts of comments."""
    if log_format == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
        )
    ]
