"""GET /api/v1/comments and /api/v1/comments/{platform}/{id}: what is stored."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from api import paths  # noqa: F401 (registers the converter of {id:anything})
from api.guard import GuardedRoute
from api.i18n import gettext
from api.identity.identity import AsReviewer, Identity
from api.problems import REFUSALS, ProblemError, documented
from api.rest.comment_schemas import Comment, CommentHistory, CommentPage, CommentQuery
from api.rest.cursor import encode_cursor, read_cursor
from api.rest.fields import Platform
from api.services import Services, TheServices
from store.comments import comment_history
from store.search import list_comments

router = APIRouter(prefix="/api/v1/comments", tags=["comments"], route_class=GuardedRoute)
Id = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        description="The platform's own id of the comment, percent-encoded; it may hold slashes.",
        examples=["post-1817"],
    ),
]
ONE = documented(*REFUSALS, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)


@router.get(
    "",
    summary="List comments",
    response_description="A page of comments.",
    responses=documented(*REFUSALS, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
)
async def get_comments(services: TheServices, _: AsReviewer, query: Annotated[CommentQuery, Query()]) -> CommentPage:
    """List comments with their labels, newest first, a page at a time.

    For the next page pass `next` as `after` and keep the filters as they are. A page costs the same however far back
    it lies, and comments that arrive meanwhile do not shift it. A search that finds little stops after half a second:
    `searched_to` then says how far back it has looked, and `next` goes on from there, even where the page is empty.
    """
    page = await services.store.read(list_comments, query.wanted(), read_cursor(query.after), query.limit)
    return CommentPage(
        items=[Comment.model_validate(comment) for comment in page.items],
        next=encode_cursor(page.next) if page.next else None,
        searched_to=page.searched_to,
    )


@router.get(
    "/{platform}",
    summary="What became of an event, by query",
    response_description="The comment with its history.",
    responses=ONE,
)
async def get_comment_by_query(
    services: TheServices, identity: AsReviewer, platform: Annotated[Platform, Path()], id: Annotated[Id, Query()]
) -> CommentHistory:
    """Like the path with the id in it, for ids that clients or proxies change in a path, such as `..` or `a//b`."""
    return await _history(services, identity, platform, id)


@router.get(
    "/{platform}/{id:anything}",
    summary="What became of an event",
    response_description="The comment with its history.",
    responses=ONE,
)
async def get_comment(
    services: TheServices, identity: AsReviewer, platform: Annotated[Platform, Path()], id: Annotated[Id, Path()]
) -> CommentHistory:
    """Tell everything that is known of one comment.

    That is the comment as it stands, with the label that is shown, what each model thinks of it, what people decided
    and took back, the texts that edits replaced, and the records with its key that broke the contract. A comment that
    was erased is not known. While you hold the comment in the random audit, what models and people say of it is left
    out.
    """
    return await _history(services, identity, platform, id)


async def _history(services: Services, identity: Identity, platform: str, id: str) -> CommentHistory:
    history = await services.store.read(comment_history, platform, id, identity.user_number)
    if history is None:
        detail = gettext(
            "No comment and no dead letter of platform %(platform)s has the id %(id)s: "
            "it was never consumed, or it was erased."
        )
        detail %= {"platform": platform, "id": repr(id)}
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_comment", detail)
    return CommentHistory.model_validate(history)
