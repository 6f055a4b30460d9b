"""Format tracebacks for the log, without local variables and without the messages of validation errors.

Validation errors quote the value that they refuse, which may be a comment.
"""

import traceback
from collections.abc import Iterator
from types import TracebackType

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def format_exception(exc_info: ExceptionInfo) -> str:
    """Return the traceback of an exception and of its causes.

    If one of them is a validation error, all are without messages, because each may contain the message of its cause.
    """
    errors = list(_with_causes(exc_info[1], set()))
    if not any(map(_quotes_input, errors)):
        return "".join(traceback.format_exception(*exc_info)).rstrip("\n")
    return "\n".join(
        "".join(["Traceback (most recent call last):\n", *traceback.format_tb(error.__traceback__), _name(error)])
        for error in reversed(errors)
    )


def _with_causes(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Yield an exception, its causes and context, and those of the members of groups."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (error.__cause__, error.__context__, *members):
        yield from _with_causes(other, seen)


def _quotes_input(error: BaseException) -> bool:
    """Return whether this is a validation error of Pydantic or FastAPI, which this module does not import."""
    return callable(getattr(error, "errors", None))


def _name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__} (message hidden, because it may quote a comment)"
