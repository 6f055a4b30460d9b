"""/api/v1/notices: announcements by administrators to everyone who signs in."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.guard import MediumBodyRoute
from api.i18n import gettext
from api.identity.identity import AsAdmin, AsUser
from api.identity.roles import Role
from api.markdown import render_ahead
from api.problems import REFUSALS, ProblemError, documented
from api.rest.notice_schemas import Notice, NoticeNumber, NoticePage, NoticeRequest, WhichNotices
from api.services import Services, TheServices
from store import notices
from store.notices import Notice as StoredNotice
from store.types import LARGEST_NUMBER

router = APIRouter(prefix="/api/v1/notices", tags=["notices"], route_class=MediumBodyRoute)
Number = Annotated[NoticeNumber, Path()]
READING = documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
CHANGING = READING | documented(HTTPStatus.NOT_FOUND)
WRITING = READING | documented(HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


@router.get("", summary="List notices", response_description="The notices.", responses=READING)
async def get_notices(
    services: TheServices,
    identity: AsUser,
    which: Annotated[
        WhichNotices, Query(description="The notices shown now, or all, which only administrators may list.")
    ] = WhichNotices.CURRENT,
    before: Annotated[
        int | None, Query(ge=1, le=LARGEST_NUMBER, description="With `all`: `next` of the previous page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="With `all`: maximum number of notices on a page.")] = 50,
) -> NoticePage:
    """List the notices shown now, pinned ones first, or, for administrators, all notices with their states."""
    now = services.now()
    if which is WhichNotices.CURRENT:
        found = await services.store.read(notices.current_notices, now)
        await render_ahead(one.body for one in found)
        return NoticePage(items=[Notice.of(one, now) for one in found], next=None)
    if not identity.role.includes(Role.ADMIN):
        detail = gettext("Only an administrator sees notices that are not current.")
        raise ProblemError(HTTPStatus.FORBIDDEN, "role_too_low", detail)
    page = await services.store.read(notices.list_notices, before=before, limit=limit)
    await render_ahead(one.body for one in page.items)
    return NoticePage(items=[Notice.of(one, now) for one in page.items], next=page.next)


@router.get("/{number}", summary="Get a notice", response_description="The notice.", responses=CHANGING)
async def get_notice(services: TheServices, _: AsAdmin, number: Number) -> Notice:
    """Return a notice, whether it is shown or not."""
    return await _answer(services, number, await services.store.read(notices.read_notice, number))


@router.post(
    "",
    summary="Create a notice",
    response_description="The new notice.",
    status_code=HTTPStatus.CREATED,
    responses=WRITING,
)
async def add_notice(services: TheServices, identity: AsAdmin, request: NoticeRequest) -> Notice:
    """Create a notice. By default it is shown at once and does not expire."""
    added = await services.store.write(notices.add_notice, identity.actor, request.as_text(services.now()))
    await render_ahead([added.body])
    return Notice.of(added, services.now())


@router.put(
    "/{number}",
    summary="Replace a notice",
    response_description="The updated notice.",
    responses=CHANGING | WRITING,
)
async def edit_notice(services: TheServices, identity: AsAdmin, number: Number, request: NoticeRequest) -> Notice:
    """Replace the content and time range of a notice. A withdrawn notice stays withdrawn."""
    text = request.as_text(services.now())
    return await _answer(
        services, number, await services.store.write(notices.edit_notice, identity.actor, number, text)
    )


@router.post(
    "/{number}/withdraw",
    summary="Withdraw a notice",
    response_description="The updated notice.",
    responses=CHANGING,
)
async def withdraw_notice(services: TheServices, identity: AsAdmin, number: Number) -> Notice:
    """Hide a notice regardless of its time range. It can be restored."""
    return await _answer(services, number, await services.store.write(notices.withdraw_notice, identity.actor, number))


@router.post(
    "/{number}/restore", summary="Restore a notice", response_description="The updated notice.", responses=CHANGING
)
async def restore_notice(services: TheServices, identity: AsAdmin, number: Number) -> Notice:
    """Restore a withdrawn notice. Its time range applies again."""
    return await _answer(services, number, await services.store.write(notices.restore_notice, identity.actor, number))


@router.delete(
    "/{number}",
    summary="Delete a notice",
    response_description="The notice is deleted.",
    status_code=HTTPStatus.NO_CONTENT,
    responses=CHANGING,
)
async def delete_notice(services: TheServices, identity: AsAdmin, number: Number) -> None:
    """Delete a notice permanently. To hide it temporarily, withdraw it instead."""
    if not await services.store.write(notices.delete_notice, identity.actor, number):
        raise _missing(number)


async def _answer(services: Services, number: int, found: StoredNotice | None) -> Notice:
    if found is None:
        raise _missing(number)
    await render_ahead([found.body])
    return Notice.of(found, services.now())


def _missing(number: int) -> ProblemError:
    detail = gettext("There is no notice %(number)s: it never existed, or it was deleted.") % {"number": number}
    return ProblemError(HTTPStatus.NOT_FOUND, "no_notice", detail)
