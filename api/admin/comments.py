"""The comment list, with filters and bulk corrections, and the history page of each comment."""

import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from api.admin.comment_filters import filter_form
from api.admin.comment_list import SORT_WORDS, Listed, Sort, export_lines, list_page
from api.admin.dead_letter_words import reason_words
from api.admin.history import timeline
from api.admin.label_words import LABEL_WORDS, SOURCE_WORDS, UNCERTAIN_WORDS
from api.admin.page import Page, identity_of, route, services_of
from api.admin.paging import url_with
from api.admin.typed_filter import TypedFilter, typed_filter
from api.i18n import gettext, lazy_gettext, show_number
from api.identity.observations import Observation
from api.identity.roles import Role
from api.rest.comment_schemas import CommentFields
from api.rest.cursor import encode_cursor
from api.rest.review_schemas import MAXIMUM_BULK
from store import search
from store.comments import comment_history

# The punctuation that JavaScript's encodeURIComponent does not escape and quote() does.
UNRESERVED = "!'()*"
# Path segments without special characters, none of them starting with a dot.
PLAIN_ID = re.compile(r"[A-Za-z0-9_~@:-][A-Za-z0-9_~@:.-]*(/[A-Za-z0-9_~@:-][A-Za-z0-9_~@:.-]*)*")


class CommentsPage(Page):
    """Filter and position are in the URL, so pages can be bookmarked and the browser's back button works."""

    role = Role.REVIEWER
    path = "/comments"
    menu_label = lazy_gettext("Comments")
    icon = "fa-solid fa-comments"
    template: ClassVar[str] = "comments.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return one page of comments, empty if the filter is invalid."""
        typed = typed_filter(request, CommentFields)
        listed = await list_page(request, typed)
        return {
            "listed": listed,
            "sort_words": SORT_WORDS,
            "all_matching": _all_matching(typed, listed),
            "first": url_with(request, after=None, start=None),
            "count_url": f"{self.path.strip('/')}-count?{urlencode(typed.values)}",
            "export_url": f"{self.path.strip('/')}-export.csv?{urlencode(typed.values)}",
            **await filter_form(request, typed),
            "source_words": SOURCE_WORDS,
            "history_path": history_path,
            "script_words": _script_words(),
        }

    @route("-count", name="comments-count")
    async def count(self, request: Request) -> Response:
        """Return how many comments match, in words; a script adds them to the page."""
        typed = typed_filter(request, CommentFields)
        if typed.fields is None:
            raise HTTPException(422)
        reader = identity_of(request).user_number
        found = await services_of(request).store.read(search.count_comments, typed.fields.to_filter(), reader)
        words = gettext("Over %(count)s comments") if found.more else gettext("%(count)s comments in total")
        return JSONResponse({"words": words % {"count": show_number(found.comments)}})

    @route("-export.csv", name="comments-export")
    async def export(self, request: Request) -> Response:
        """Download the comments that match the filter as CSV."""
        typed, services, identity = typed_filter(request, CommentFields), services_of(request), identity_of(request)
        if typed.fields is None:
            raise HTTPException(422)
        observed = Observation("comment.export", "comments", "", str(identity.user_number))
        await services.observations.record(services.store, identity.actor, observed)
        lines = export_lines(services, typed.fields.to_filter(), identity.user_number)
        name = {"Content-Disposition": 'attachment; filename="comments.csv"'}
        return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=name)

    @route("/{platform}")
    async def history_by_query(self, request: Request) -> Response:
        """Show the history of a comment whose id is not safe in a path: ``?id=...``."""
        return await self._history(request, request.path_params["platform"], request.query_params.get("id", ""))

    @route("/{platform}/{id:anything}")
    async def history(self, request: Request) -> Response:
        """Show the history of one comment."""
        return await self._history(request, request.path_params["platform"], request.path_params["id"])

    async def _history(self, request: Request, platform: str, id: str) -> Response:
        history = await services_of(request).store.read(comment_history, platform, id, identity_of(request).user_number)
        if history is None:
            raise HTTPException(404)
        context = {
            "history": history,
            "timeline": timeline(history),
            "platform": platform,
            "id": id,
            "own_name": identity_of(request).name,
            "title": gettext("Comment %(id)s") % {"id": id},
            "label_words": LABEL_WORDS,
            "source_words": SOURCE_WORDS,
            "reason_words": reason_words,
            "history_path": history_path,
            "script_words": _script_words(),
        }
        return self.render(request, context, template="history.html")


def history_path(platform: str, id: str) -> str:
    """Return the URL of a comment's history page.

    Browsers and proxies rewrite ``..``, ``//`` and ``%2F`` in paths, so any other id than PLAIN_ID goes into the query.
    ``historyPath`` in review-page.js does the same.
    """
    start = f"/admin/comments/{quote(platform, safe='')}"
    return (
        f"{start}/{id}"
        if PLAIN_ID.fullmatch(id)
        else f"{start}?{urlencode({'id': id}, safe=UNRESERVED, quote_via=quote)}"
    )


def _all_matching(typed: TypedFilter[CommentFields], listed: Listed) -> dict[str, object]:
    """Return the request with which the script selects matches on later pages.

    ``after`` is None on the last page, and in other orders than that of the REST API, newest first.
    """
    fields = typed.fields.model_dump(mode="json", exclude_none=True) if typed.fields else {}
    after = encode_cursor(listed.position) if listed.position and listed.sort is Sort.NEWEST else None
    return {"filter": fields, "after": after, "most": MAXIMUM_BULK}


def _script_words() -> dict[str, object]:
    return {
        "labels": {label: str(words) for label, words in LABEL_WORDS.items()},
        "leanings": {label: str(words) for label, words in UNCERTAIN_WORDS.items()},
        "selected": gettext("{n} selected"),
        "pageAlone": gettext("Only the comments on this page."),
        "searching": gettext("Searching for more …"),
        "allSelected": gettext("All matching comments from this page on are selected."),
        "moreLeft": gettext("There are more: label these first, then continue with the rest."),
        "confirm": gettext("Label {n} comments as “{label}”?"),
        "confirmMore": gettext(
            "{n} of them are on later pages that you have not seen. Comments edited in the meantime are skipped."
        ),
        "goOn": gettext("Continue with the rest"),
        "wholeText": gettext("Show all"),
        "lessText": gettext("Show less"),
        "stored": gettext("{n} saved as “{label}”."),
        "edited": gettext("{n} were edited in the meantime and not saved: reload the page to see their new texts."),
        "erased": gettext("{n} were erased in the meantime."),
        "inAudit": gettext("{n} were skipped: they wait for the random audit and are decided there one at a time."),
        "undo": gettext("Undo all {n}"),
        "undoing": gettext("Undoing: {n} of {all} …"),
        "undone": gettext("{n} undone."),
        "notUndone": gettext("{n} could not be undone: they were edited, erased or undone already."),
        "sources": {source: str(words) for source, words in SOURCE_WORDS.items()},
        "editedHere": gettext(
            "The comment was edited in the meantime: reload the page, read the new text and decide again."
        ),
    }
