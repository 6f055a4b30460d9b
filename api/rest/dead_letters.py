"""/api/v1/dead-letters: list, requeue, discard and delete records that broke the contract."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsAdmin, Identity
from api.problems import REFUSALS, ProblemError, documented
from api.rest.dead_letter_schemas import (
    DeadLetterDeletion,
    DeadLetterPage,
    DeadLetterRecord,
    DeadLettersChanged,
    DeadLetterSelection,
    LetterNumber,
    Reason,
    Since,
    Topic,
    WholeDeadLetter,
)
from api.services import Services, TheServices
from store import dead_letter_admin
from store.audit import Actor
from store.dead_letter_admin import UNRESOLVED, DeadLetterError, DeadLetterFilter, DeadLetterState
from store.session import WriteSession
from store.store import Store
from store.types import LARGEST_NUMBER

T = TypeVar("T")

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], route_class=GuardedRoute)
READING = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
CHANGING = READING | documented(
    HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
)


@router.get("", summary="List dead letters", response_description="A page of dead letters.", responses=READING)
async def get_dead_letters(
    services: TheServices,
    _: AsAdmin,
    state: Annotated[
        list[DeadLetterState] | None,
        Query(description="Only dead letters in one of these states. Default: open and requeued.", examples=[["open"]]),
    ] = None,
    reason: Annotated[Reason | None, Query()] = None,
    topic: Annotated[Topic | None, Query()] = None,
    since: Annotated[Since | None, Query()] = None,
    before: Annotated[int | None, Query(ge=1, le=LARGEST_NUMBER, description="`next` of the previous page.")] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of dead letters on a page.")] = 50,
) -> DeadLetterPage:
    """List dead letters without their content, newest first."""
    filter = DeadLetterFilter(reason, topic, frozenset(state) if state else UNRESOLVED, since)
    found = await services.store.read(dead_letter_admin.list_dead_letters, filter, limit + 1, before=before)
    items = [DeadLetterRecord.of(letter) for letter in found[:limit]]
    return DeadLetterPage(items=items, next=items[-1].number if len(found) > limit else None)


@router.get(
    "/{number}",
    summary="Get a dead letter",
    response_description="The dead letter with its content.",
    responses=READING | documented(HTTPStatus.NOT_FOUND),
)
async def get_dead_letter(
    services: TheServices, _: AsAdmin, number: Annotated[LetterNumber, Path()]
) -> WholeDeadLetter:
    """Return a dead letter with the record's content and the requests to publish it again."""
    return WholeDeadLetter.whole(*await _as_problem(services.store.read(dead_letter_admin.read_dead_letter, number)))


@router.post(
    "/requeue",
    summary="Requeue dead letters",
    response_description="The number of dead letters requeued.",
    responses=CHANGING,
)
async def requeue_dead_letters(
    services: TheServices, identity: AsAdmin, choice: DeadLetterSelection
) -> DeadLettersChanged:
    """Publish records again, unchanged, to their topic. A running consumer does so within seconds.

    A dead letter is resolved once its copy is stored. If the copy fails again, the dead letter shows the new reason.
    Repeating the request is safe.
    """
    return await _change(services, identity, choice, dead_letter_admin.requeue_all, dead_letter_admin.requeue)


@router.post(
    "/discard",
    summary="Discard dead letters",
    response_description="The number of dead letters discarded.",
    responses=CHANGING,
)
async def discard_dead_letters(
    services: TheServices, identity: AsAdmin, choice: DeadLetterSelection
) -> DeadLettersChanged:
    """Discard dead letters. They are kept, with the person and time. Pending requests to publish them are cancelled."""
    return await _change(services, identity, choice, dead_letter_admin.discard_all, dead_letter_admin.discard)


@router.post(
    "/delete",
    summary="Delete dead letters",
    response_description="The number of dead letters deleted.",
    responses=CHANGING,
)
async def delete_dead_letters(
    services: TheServices, identity: AsAdmin, choice: DeadLetterDeletion
) -> DeadLettersChanged:
    """Delete dead letters with their records permanently. The audit log keeps their numbers.

    A requeued one that no consumer has published yet is never published.
    """
    return await _change(services, identity, choice, dead_letter_admin.delete_all, dead_letter_admin.delete)


async def _change(
    services: Services,
    identity: Identity,
    choice: DeadLetterSelection | DeadLetterDeletion,
    change_all: Callable[[Store, DeadLetterFilter, Actor], Awaitable[int]],
    change: Callable[[WriteSession, Sequence[int], Actor], Awaitable[int]],
) -> DeadLettersChanged:
    """Change the chosen dead letters, by number or all that match. Raises ProblemError."""
    if choice.numbers is None:
        changed = await change_all(services.store, choice.as_filter(), identity.actor)
    else:
        changed = await _as_problem(services.store.write(change, sorted(set(choice.numbers)), identity.actor))
    return DeadLettersChanged(changed=changed)


async def _as_problem(work: Awaitable[T]) -> T:
    """Await ``work`` and convert DeadLetterError to ProblemError."""
    try:
        return await work
    except DeadLetterError as error:
        raise refusal(error) from None


def refusal(error: DeadLetterError) -> ProblemError:
    """Return the problem of a change that a dead letter does not allow, in the language of the request."""
    sentence = {
        "missing": gettext("There is no dead letter %(number)s: it never existed, or it was erased with its comment."),
        "truncated": gettext(
            "Dead letter %(number)s was too large for the database and only its beginning is kept: its platform must "
            "publish it again."
        ),
        "resolved": gettext("Dead letter %(number)s is already resolved: its copy was stored."),
    }[error.code]
    status = HTTPStatus.NOT_FOUND if error.code == "missing" else HTTPStatus.CONFLICT
    return ProblemError(status, f"dead_letter_{error.code}", sentence % {"number": error.number})
