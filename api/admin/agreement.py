"""Format reviewer agreement for the analytics page: one line for all reviewers and one for each pair."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.i18n import gettext
from store.agreement import LABELS, Agreement, Reviewer
from store.kappa import Estimate


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table.

    ``labels`` has one coefficient for each of LABELS, in that order, computed for this label against all others: kappa
    for a pair, alpha for all reviewers.
    """

    who: str
    texts: int
    share: str
    kappa: str
    alpha: str
    labels: Sequence[str]


def lines(found: Sequence[Agreement]) -> list[Line]:
    """Format the result of ``read_agreement``."""
    # One Agreement for all labels, then one for each label.
    group = 1 + len(LABELS)
    return [_line(*found[first : first + group]) for first in range(0, len(found), group)]


def _line(whole: Agreement, *by_label: Agreement) -> Line:
    estimates = [one.alpha if one.pair is None else one.kappa for one in by_label]
    return Line(
        gettext("All reviewers") if whole.pair is None else gettext("%(one)s and %(other)s") % _names(*whole.pair),
        whole.texts,
        f"{whole.same / whole.texts:.0%}",
        _format(whole.kappa),
        _format(whole.alpha),
        [_format(estimate) for estimate in estimates],
    )


def _names(one: Reviewer, other: Reviewer) -> dict[str, str]:
    return {"one": one.name or gettext("(a command)"), "other": other.name or gettext("(a command)")}


def _format(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} … {estimate.high:.2f})"
