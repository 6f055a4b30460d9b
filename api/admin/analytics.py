"""The analytics page: charts of hourly counts, reviews and accuracy, each also as a table and as CSV."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import ClassVar

from starlette.requests import Request

from api.admin.agreement import lines
from api.admin.label_words import LABEL_WORDS
from api.admin.page import Page, identity_of, services_of
from api.i18n import gettext, lazy_gettext
from api.identity.roles import Role
from store.agreement import read_agreement
from store.analytics import CountFilter, counted_platforms
from store.changes import Baseline
from store.models import read_active

# Names of ranges and their days until now; 0 is all time.
RANGES = {"1d": 1, "7d": 7, "30d": 30, "365d": 365, "all": 0}
DEFAULT_RANGE = "30d"
CARDS_OF_USERS = frozenset({"labels", "shares", "platforms", "hours"})


@dataclass(frozen=True, slots=True)
class AnalyticsFilter:
    """The filter in the URL: a named range, or the first and last day in the user's time zone.

    ``groups`` is "three" (uncertain comments form their own group) or "two" (they count under the model's label).
    """

    range: str
    first: str
    last: str
    platform: str
    groups: str


class AnalyticsPage(Page):
    """Cards that a script fills from the REST API. The filter is in the URL, so the page can be bookmarked.

    Users see counts only: no words of comments, no reviewers, and no links to comments.
    """

    role = Role.USER
    path = "/analytics"
    menu_label = lazy_gettext("Analytics")
    icon = "fa-solid fa-chart-column"
    template: ClassVar[str] = "analytics.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return the cards, the current filter and the script's texts."""
        store, reviews = services_of(request).store, identity_of(request).role.includes(Role.REVIEWER)
        platforms, active = await store.read(counted_platforms, CountFilter()), await store.read(read_active)
        filter = read_filter(request.query_params, platforms)
        return {
            "filter": asdict(filter),
            "days": RANGES.get(filter.range, 0),
            "ranges": _ranges(),
            "groups": _groups(),
            "platforms": platforms,
            "cards": [card for card in _cards() if reviews or card["id"] in CARDS_OF_USERS],
            "reviews": reviews,
            "active_model": None if active is None else active.sha256,
            "agreement": lines(await read_agreement(store)) if reviews else None,
            "label_words": LABEL_WORDS,
            "script_words": _script_words(),
        }


def read_filter(query: Mapping[str, str], platforms: list[str]) -> AnalyticsFilter:
    """Parse the filter in a URL; invalid values become the defaults."""
    first, last = _day(query.get("first", "")), _day(query.get("last", ""))
    if first and last and first > last:
        first, last = last, first
    range_ = "" if first or last else query.get("range", DEFAULT_RANGE)
    platform = query.get("platform", "")
    return AnalyticsFilter(
        range_ if range_ in ("", *RANGES) else DEFAULT_RANGE,
        first,
        last,
        platform if platform in platforms else "",
        "two" if query.get("groups") == "two" else "three",
    )


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat() if re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) else ""
    except ValueError:
        return ""


def _ranges() -> Mapping[str, str]:
    return {
        "1d": gettext("24 hours"),
        "7d": gettext("7 days"),
        "30d": gettext("30 days"),
        "365d": gettext("12 months"),
        "all": gettext("everything"),
    }


def _groups() -> Mapping[str, str]:
    return {"three": gettext("With uncertain"), "two": gettext("Positive and negative only")}


def _cards() -> list[dict[str, str]]:
    """Return title, explanation and REST resource of each card, in page order."""
    return [
        _card("labels", gettext("Labels over time"), gettext("Number of comments by time and label.")),
        _card(
            "shares",
            gettext("Negative, uncertain and corrected"),
            gettext("Shares of comments that are negative, uncertain or corrected."),
            "labels",
        ),
        _card("platforms", gettext("By platform"), gettext("Number of comments by platform and label.")),
        _card(
            "hours",
            gettext("By hour of the week"),
            gettext(
                "Deviation from the expectation, in your time zone: an even distribution, or the average share. Grey: "
                "within chance (95% confidence for all cells together)."
            ),
        ),
        _card(
            "keywords",
            gettext("Keywords"),
            gettext(
                "Words that are far more frequent in positive or in negative comments, from the newest thousand of "
                "each."
            ),
        ),
        _card(
            "reviewers",
            gettext("Corrections by reviewer"),
            gettext("Reviews in this range, and how many contradict the model."),
        ),
        _card("models", gettext("Corrections by model"), gettext("Reviews by the model whose label was shown.")),
        _card(
            "accuracy",
            gettext("Accuracy on the audit sample"),
            gettext(
                "How often the model agrees with blind decisions on randomly chosen comments, with the 95% "
                "confidence interval."
            ),
        ),
    ]


def _card(id: str, title: str, explanation: str, resource: str = "") -> dict[str, str]:
    return {"id": id, "title": title, "explanation": explanation, "resource": resource or id}


def _script_words() -> Mapping[str, object]:
    return {
        "labels": {label: str(words) for label, words in LABEL_WORDS.items()},
        "columns": {
            "start": gettext("Start"),
            "platform": gettext("Platform"),
            "weekday": gettext("Weekday"),
            "hour": gettext("Hour"),
            "comments": gettext("Number of comments"),
            "undecided": gettext("Uncertain"),
            "reviewed": gettext("Reviewed"),
            "corrected": gettext("Corrected"),
            "reviewer": gettext("Reviewer"),
            "model_name": gettext("Model"),
            "reviews": gettext("Reviews"),
            "corrections": gettext("Corrections"),
            "side": gettext("Leaning"),
            "word": gettext("Word"),
            "score": gettext("Score"),
            "judged": gettext("Judged"),
            "right": gettext("Right"),
            "wrong": gettext("Mistakes"),
            "annotations": gettext("Annotations"),
            "accuracy": gettext("Accuracy"),
            "low": gettext("Lower bound"),
            "high": gettext("Upper bound"),
            "shareNegative": gettext("Share of negative"),
            "shareUncertain": gettext("Share of uncertain"),
            "shareCorrected": gettext("Share of corrected"),
            "confirmed": gettext("Same as the model"),
        },
        **_change_words(),
        "promotion": gettext("Promoted: %(title)s"),
        "rollback": gettext("Rolled back to: %(title)s"),
        "notice": gettext("Notice: %(title)s"),
        "axisFrom": gettext("The axis starts at %(start)s."),
        "hatched": gettext("Hatched: the period is not complete."),
        "showTable": gettext("Show the table"),
        "showChart": gettext("Show the chart"),
        "nobody": gettext("(a command)"),
        "noModel": gettext("(no model)"),
        "active": gettext("%(name)s (active)"),
        "cutShort": gettext("Time limit reached: %(count)s comments were read."),
        "wordsFrom": gettext("From %(positive)s positive and %(negative)s negative comments."),
        "unlabelled": gettext("%(count)s comments of this range are not labelled by the active model yet."),
        "total": gettext("%(comments)s comments"),
    }


def _change_words() -> Mapping[str, object]:
    """Return the parts of the sentences about changes."""
    return {
        "changes": {
            Baseline.PREVIOUS: {
                "higher": gettext(
                    "Share of negative %(share)s, %(points)s points higher than the %(before)s in the previous period "
                    "(%(comments)s comments; %(tested)s)"
                ),
                "lower": gettext(
                    "Share of negative %(share)s, %(points)s points lower than the %(before)s in the previous period "
                    "(%(comments)s comments; %(tested)s)"
                ),
            },
            Baseline.SAME_WEEKDAYS: {
                "higher": gettext(
                    "Share of negative %(share)s, %(points)s points higher than the %(before)s on the same weekdays "
                    "%(days)s days before (%(comments)s comments; %(tested)s)"
                ),
                "lower": gettext(
                    "Share of negative %(share)s, %(points)s points lower than the %(before)s on the same weekdays "
                    "%(days)s days before (%(comments)s comments; %(tested)s)"
                ),
            },
        },
        "byChance": gettext("within chance"),
        "separator": gettext("; "),
        "listSeparator": gettext(", "),
        "lastSeparator": gettext(" and "),
        "fullStop": gettext("."),
        "explain": gettext("Explain"),
        "explaining": gettext("Explaining …"),
        "ofWhich": gettext(", of which "),
        "from": {
            "thread": gettext("%(share)s comes from thread %(name)s"),
            "author": gettext("%(share)s comes from author %(name)s"),
            "platform": gettext("%(share)s comes from platform %(name)s"),
            "word": gettext("%(share)s comes from comments with “%(name)s”"),
        },
        "overAll": gettext("over 100%"),
        "nothingExplains": gettext("; no single thread, author, platform or word explains it"),
        "sampled": gettext(", estimated from %(now)s and %(before)s comments"),
    }
