"""GET /api/v1/comments and /api/v1/comments/{platform}/{id}: stored comments."""

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
        description="The comment's id on its platform, percent-encoded; it may contain slashes.",
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
async def get_comments(
    services: TheServices, identity: AsReviewer, query: Annotated[CommentQuery, Query()]
) -> CommentPage:
    """List comments with their labels, newest first, page by page.

    To get the next page, pass `next` as `after` with the same filters. Every page costs the same, and comments that
    arrive in the meantime do not shift pages. A search with few matches stops after half a second: `searched_to` is
    then the time back to which it searched, and `next` continues from there, even if the page is empty. A comment that
    you hold in the random audit has no label, and a filter by label, probability or uncertainty leaves it out.
    """
    after, reader = read_cursor(query.after), identity.user_number
    page = await services.store.read(list_comments, query.to_filter(), after, query.limit, reader)
    return CommentPage(
        items=[Comment.model_validate(comment) for comment in page.items],
        next=encode_cursor(page.next) if page.next else None,
        searched_to=page.searched_to,
    )


@router.get(
    "/{platform}",
    summary="Get a comment and its history, id in the query",
    response_description="The comment with its history.",
    responses=ONE,
)
async def get_comment_by_query(
    services: TheServices, identity: AsReviewer, platform: Annotated[Platform, Path()], id: Annotated[Id, Query()]
) -> CommentHistory:
    """Same as the path with the id, for ids that clients or proxies rewrite in a path, such as `..` or `a//b`."""
    return await _history(services, identity, platform, id)


@router.get(
    "/{platform}/{id:anything}",
    summary="Get a comment and its history",
    response_description="The comment with its history.",
    responses=ONE,
)
async def get_comment(
    services: TheServices, identity: AsReviewer, platform: Annotated[Platform, Path()], id: Annotated[Id, Path()]
) -> CommentHistory:
    """Return everything that is stored about one comment.

    That includes the current text and label, each model's prediction, reviews and withdrawals, earlier texts, and dead
    letters with the comment's key. Erased comments are not found. While you hold the comment in the random audit,
    labels and predictions are left out.
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
