"""Send exports of what is stored about a person as JSON lines."""

from collections.abc import AsyncIterator
from typing import Any

from starlette.responses import StreamingResponse

from api.identity.account_erasure import account_records
from api.identity.observations import Observation
from api.services import Services
from liuyan.terminal import json_line
from store.audit import Actor, author_digest
from store.authors import Author
from store.person_export import export_author

MEDIA_TYPE = "application/x-ndjson"


async def send_author(services: Services, actor: Actor, author: Author) -> StreamingResponse:
    """Send what is stored about an author, and record the export. Raises StoreError."""
    digest = await services.store.read(author_digest, author.platform, author.name)
    observed = Observation("author.export", "author", digest, f"{actor.user_number} {digest}")
    await services.observations.record(services.store, actor, observed)
    return await _send(export_author(services.store, author), "author")


async def send_account(services: Services, actor: Actor, number: int) -> StreamingResponse:
    """Send what is stored about an account, and record the export. Raises ProblemError, 404, and StoreError."""
    records = await account_records(services, number)
    observed = Observation("user.export", "user", str(number), f"{actor.user_number} {number}")
    await services.observations.record(services.store, actor, observed)
    return await _send(records, f"account-{number}")


async def _send(records: AsyncIterator[dict[str, Any]], name: str) -> StreamingResponse:
    # Read the first record now: an error can become a problem only before the response starts.
    first = await anext(records, None)
    headers = {"Content-Disposition": f'attachment; filename="liuyan-{name}.jsonl"'}
    return StreamingResponse(_lines(first, records), media_type=MEDIA_TYPE, headers=headers)


async def _lines(first: dict[str, Any] | None, others: AsyncIterator[dict[str, Any]]) -> AsyncIterator[str]:
    if first is not None:
        yield json_line(first) + "\n"
    async for record in others:
        yield json_line(record) + "\n"
