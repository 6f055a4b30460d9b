"""The list of reviews with filters, and links to the export for training."""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

from starlette.requests import Request

from api.admin.comments import history_path
from api.admin.label_words import LABEL_WORDS
from api.admin.page import Page, identity_of, services_of
from api.admin.paging import position_in, url_at
from api.admin.typed_filter import TypedFilter, typed_filter
from api.i18n import gettext, lazy_gettext
from api.identity.roles import Role
from api.rest.export_schemas import ExportFormat
from api.rest.review_list_schemas import ListFields, ReviewFields
from store.analytics import CountFilter, counted_platforms
from store.review_list import ReviewPage, list_reviews

PAGE_ROWS = 50
# Set by links from charts; the form keeps them.
LINKED_WORDS: dict[str, str] = {
    "reviewer": lazy_gettext("One reviewer"),
    "from_model": lazy_gettext("One model's labels"),
    "corrected": lazy_gettext("Differs from the model"),
    "counted": lazy_gettext("As counted in analytics"),
}
FIELD_WORDS: dict[str, str] = {
    "platform": lazy_gettext("Platform"),
    "label": lazy_gettext("Decided as"),
    "reviewed_from": lazy_gettext("Reviewed from"),
    "reviewed_to": lazy_gettext("To (exclusive)"),
    "mine": lazy_gettext("Reviewed by"),
}
CHOICES: dict[str, dict[str, str]] = {
    "label": {str(label): words for label, words in LABEL_WORDS.items()},
    "mine": {"true": lazy_gettext("Only me")},
}


class ReviewsPage(Page):
    """The list includes withdrawn and replaced reviews; the export has only current ones."""

    role = Role.REVIEWER
    path = "/reviews"
    menu_label = lazy_gettext("Decisions")
    icon = "fa-solid fa-clock-rotate-left"
    template: ClassVar[str] = "reviews.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return one page of reviews, empty if the filter is invalid."""
        typed = typed_filter(request, ListFields)
        after = position_in(request)
        page = ReviewPage([], None)
        if typed.fields is not None:
            reader = identity_of(request).user_number
            filter = typed.fields.to_filter(reader)
            page = await services_of(request).store.read(list_reviews, filter, after, PAGE_ROWS, reader)
        platforms = await services_of(request).store.read(counted_platforms, CountFilter())
        linked = {name: typed.values[name] for name in LINKED_WORDS if name in typed.values}
        return {
            "linked": linked,
            "linked_words": _linked_words(linked),
            "page_of_reviews": page,
            "next": url_at(request, page.next),
            "first": url_at(request, None),
            "beginning": after is None,
            "values": typed.values,
            "problems": typed.problems,
            "field_words": FIELD_WORDS,
            "choices": {**CHOICES, "platform": _platforms(platforms, typed.values)},
            "label_words": LABEL_WORDS,
            "history_path": history_path,
            "exports": {format: _export_url(typed, format) for format in ExportFormat},
        }


def _linked_words(linked: Mapping[str, str]) -> str:
    """Name the filters that a link has set, without their values, which are numbers."""
    same = gettext("Same as the model") if linked.get("corrected") == "false" else ""
    return " · ".join(same if name == "corrected" and same else str(LINKED_WORDS[name]) for name in linked)


def _platforms(known: Sequence[str], values: Mapping[str, str]) -> dict[str, str]:
    chosen = [values["platform"]] if "platform" in values else []
    return {name: name for name in dict.fromkeys([*chosen, *known])}


def _export_url(typed: TypedFilter[ListFields], format: ExportFormat) -> str:
    """Return the URL of the export with the same filter, but of all reviewers."""
    fields = {} if typed.fields is None else typed.fields.model_dump(mode="json", exclude_none=True)
    exported = {name: value for name, value in fields.items() if name in ReviewFields.model_fields}
    return "/api/v1/reviews/export?" + urlencode({**exported, "format": format})
