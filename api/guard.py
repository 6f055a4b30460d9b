"""REST routes that authenticate a request by its headers before FastAPI reads and parses the body."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator
from http import HTTPStatus
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from api.identity.identity import Require, authenticate
from api.limits import MAXIMUM_BODY, MEDIUM_BODY, SMALL_BODY, admit_body, too_many_values
from api.problems import documented

WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# A string, or the rest of a document whose last string is unterminated.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
# Bytes outside the contents of strings. Each value needs at least two of them, and up to 24 times as much memory.
MAXIMUM_STRUCTURE = 64 * 1024


class GuardedRoute(APIRoute):
    """Answers 401 or 403 without reading the body. A route that requires no role still requires authentication."""

    maximum_body: ClassVar[int] = SMALL_BODY

    def __init__(self, *arguments: Any, **options: Any) -> None:
        if WITH_BODY & set(options.get("methods") or ()):
            limits = documented(
                HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.SERVICE_UNAVAILABLE
            )
            options["responses"] = {**limits, **(options.get("responses") or {})}
        super().__init__(*arguments, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, preceded by the checks."""
        handle = super().get_route_handler()
        requirements = tuple(_requirements(self.dependant))

        async def guarded(request: Request) -> Response:
            bounded = BoundedRequest(request.scope, request.receive)
            identity = await authenticate(bounded)
            for requirement in requirements:
                await requirement(identity)
            admit_body(bounded, self.maximum_body)
            return await handle(bounded)

        return guarded


class MediumBodyRoute(GuardedRoute):
    """A route that accepts lists, or one long text."""

    maximum_body = MEDIUM_BODY


class LargeBodyRoute(GuardedRoute):
    """A route that accepts many texts."""

    maximum_body = MAXIMUM_BODY


class BoundedRequest(Request):
    """A request whose JSON has a bounded number of values. Large documents are parsed in a thread."""

    async def json(self) -> Any:
        """Return the parsed body. Raises BodyError, 413, and JSONDecodeError."""
        body = await self.body()
        if len(body) <= SMALL_BODY:
            return json.loads(body)
        return await asyncio.to_thread(_parse, body)


def _parse(body: bytes) -> Any:
    outside = end = 0
    for string in _STRING.finditer(body):
        outside += string.start() - end + 2
        end = string.end()
        if outside > MAXIMUM_STRUCTURE:
            break
    if outside + len(body) - end > MAXIMUM_STRUCTURE:
        raise too_many_values()
    return json.loads(body)


def _requirements(dependant: Dependant) -> Iterator[Require]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Require):
            yield dependency.call
        yield from _requirements(dependency)
