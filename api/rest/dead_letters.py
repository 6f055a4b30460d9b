"""/api/v1/dead-letters: records that broke the contract; publish them again, or put them aside."""

from collections.abc import Awaitable
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path, Query

from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsAdmin
from api.problems import REFUSALS, ProblemError, documented
from api.rest.dead_letter_schemas import (
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
from api.services import TheServices
from store import dead_letter_admin
from store.dead_letter_admin import UNRESOLVED, DeadLetterError, DeadLetterFilter, DeadLetterState
from store.types import LARGEST_NUMBER

T = TypeVar("T")

router = APIRouter(prefix="/api/v1/dead-letters", tags=["dead letters"], route_class=GuardedRoute)
READING = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
CHANGING = READING | documented(
    HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE
)


@router.get("", summary="List dead letters", response_description="A page of letters.", responses=READING)
async def get_dead_letters(
    services: TheServices,
    _: AsAdmin,
    state: Annotated[
        list[DeadLetterState] | None,
        Query(description="Only letters in one of these states; open and requeued by default.", examples=[["open"]]),
    ] = None,
    reason: Annotated[Reason | None, Query()] = None,
    topic: Annotated[Topic | None, Query()] = None,
    since: Annotated[Since | None, Query()] = None,
    before: Annotated[
        int | None, Query(ge=1, le=LARGEST_NUMBER, description="Where to go on: `next` of the page before, as it is.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="How many letters a page holds at most.")] = 50,
) -> DeadLetterPage:
    """List records that broke the contract, without what they held, the newest first."""
    wanted = DeadLetterFilter(reason, topic, frozenset(state) if state else UNRESOLVED, since)
    found = await services.store.read(dead_letter_admin.list_dead_letters, wanted, limit + 1, before=before)
    items = [DeadLetterRecord.of(letter) for letter in found[:limit]]
    return DeadLetterPage(items=items, next=items[-1].number if len(found) > limit else None)


@router.get(
    "/{number}",
    summary="Read a dead letter",
    response_description="The letter with its content.",
    responses=READING | documented(HTTPStatus.NOT_FOUND),
)
async def get_dead_letter(
    services: TheServices, _: AsAdmin, number: Annotated[LetterNumber, Path()]
) -> WholeDeadLetter:
    """Read what a record held, why it was refused, and the orders that were given to publish it again."""
    return WholeDeadLetter.whole(*await decided(services.store.read(dead_letter_admin.read_dead_letter, number)))


@router.post(
    "/requeue",
    summary="Publish dead letters again",
    response_description="How many were ordered.",
    responses=CHANGING,
)
async def requeue_dead_letters(
    services: TheServices, identity: AsAdmin, choice: DeadLetterSelection
) -> DeadLettersChanged:
    """Order letters to be published again to their topic, as they were; a running consumer does it within seconds.

    A copy that is stored resolves its letter; one that fails again says in the letter why. Ordering twice is safe.
    """
    if choice.numbers is None:
        changed = await dead_letter_admin.requeue_all(services.store, choice.as_filter(), identity.actor)
    else:
        changed = await decided(
            services.store.write(dead_letter_admin.requeue, sorted(set(choice.numbers)), identity.actor)
        )
    return DeadLettersChanged(changed=changed)


@router.post(
    "/discard", summary="Put dead letters aside", response_description="How many were put aside.", responses=CHANGING
)
async def discard_dead_letters(
    services: TheServices, identity: AsAdmin, choice: DeadLetterSelection
) -> DeadLettersChanged:
    """Put letters aside as dealt with; they stay, with who did it and when. Orders that wait are withdrawn."""
    if choice.numbers is None:
        changed = await dead_letter_admin.discard_all(services.store, choice.as_filter(), identity.actor)
    else:
        changed = await decided(
            services.store.write(dead_letter_admin.discard, sorted(set(choice.numbers)), identity.actor)
        )
    return DeadLettersChanged(changed=changed)


async def decided(work: Awaitable[T]) -> T:
    """What ``work`` gives; a decision that a letter does not allow becomes a problem in the request's language."""
    try:
        return await work
    except DeadLetterError as error:
        raise refusal(error) from None


def refusal(error: DeadLetterError) -> ProblemError:
    """The problem of a decision that a letter does not allow."""
    sentence = {
        "missing": gettext("There is no dead letter %(number)s: it never existed, or it was erased with its comment."),
        "truncated": gettext(
            "Dead letter %(number)s was too large for the database and only its beginning is kept: its platform must "
            "publish it again."
        ),
        "resolved": gettext("Dead letter %(number)s is resolved already: its copy was stored."),
    }[error.code]
    status = HTTPStatus.NOT_FOUND if error.code == "missing" else HTTPStatus.CONFLICT
    return ProblemError(status, f"dead_letter_{error.code}", sentence % {"number": error.number})
