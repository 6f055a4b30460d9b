"""The agreement of reviewers as the analytics page shows it: one line for all of them, and one for each pair."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.i18n import gettext
from store.agreement import LABELS, Agreement, Reviewer
from store.kappa import Estimate


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table. ``labels`` are the coefficients of one label each against all others, in the order of
    LABELS: kappa of a pair, alpha of all reviewers."""

    who: str
    texts: int
    share: str
    kappa: str
    alpha: str
    labels: Sequence[str]


def lines(found: Sequence[Agreement]) -> list[Line]:
    """The lines of what ``read_agreement`` found."""
    each = 1 + len(LABELS)
    return [_line(*found[first : first + each]) for first in range(0, len(found), each)]


def _line(whole: Agreement, *by_label: Agreement) -> Line:
    estimates = [one.alpha if one.pair is None else one.kappa for one in by_label]
    return Line(
        gettext("All reviewers") if whole.pair is None else gettext("%(one)s and %(other)s") % _names(*whole.pair),
        whole.texts,
        f"{whole.same / whole.texts:.0%}",
        _words(whole.kappa),
        _words(whole.alpha),
        [_words(estimate) for estimate in estimates],
    )


def _names(one: Reviewer, other: Reviewer) -> dict[str, str]:
    return {"one": one.name or gettext("(a command)"), "other": other.name or gettext("(a command)")}


def _words(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} … {estimate.high:.2f})"
