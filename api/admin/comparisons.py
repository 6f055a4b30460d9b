"""The pages of model comparisons: order one, and show a stored result with charts."""

from collections.abc import Mapping
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.comments import history_path
from api.admin.comparison_lines import FlipLine, band_lines, flip_lines, score_lines, test_sentence, training_notes
from api.admin.days import end_of_day, start_of_day
from api.admin.form_page import FormPage
from api.admin.page import identity_of, number_in_path, number_or_none, route, services_of
from api.i18n import gettext, lazy_gettext
from api.identity.roles import Role
from api.problems import ProblemError
from api.rest.comparison_schemas import WholeComparison
from api.rest.comparisons import find, order
from registry.comparison_result import Cell, Sample
from store.analytics import CountFilter, counted_platforms
from store.comparisons import UNFINISHED, ComparisonOrder, ComparisonState, list_comparisons
from store.promotion import list_models

LISTED = 50
# The most platforms, the largest, and the most months, the newest, in a table. The REST API returns all of them.
ROWS = 24
STATE_WORDS = {
    ComparisonState.REQUESTED: lazy_gettext("Waiting"),
    ComparisonState.RUNNING: lazy_gettext("Running"),
    ComparisonState.DONE: lazy_gettext("Done"),
    ComparisonState.FAILED: lazy_gettext("Failed"),
}


class ComparisonsPage(FormPage):
    """The form that orders a comparison, the list of comparisons, and a page for each."""

    path = "/models/comparisons"
    menu_label = lazy_gettext("Compare models")
    add_to_menu = False
    role: ClassVar[Role | None] = Role.ADMIN
    template = "comparisons.html"

    async def form_context(self, request: Request, typed: Mapping[str, str]) -> Mapping[str, object]:
        """Return the models, the platforms and the newest comparisons.

        Links set the two models as ``old`` and ``new``; the default compares the active model with the newest one.
        """
        store = services_of(request).store
        models = await store.read(list_models)
        newest = [str(model.number) for model in models[:1]]
        active = [str(model.number) for model in models if model.active]
        linked = request.query_params
        return {
            "models": models,
            "chosen": {
                "old": typed.get("old") or linked.get("old") or (active or [""])[0],
                "new": typed.get("new") or linked.get("new") or (newest or [""])[0],
            },
            "platforms": await store.read(counted_platforms, CountFilter()),
            "comparisons": await store.read(list_comparisons, LISTED),
            "state_words": STATE_WORDS,
        }

    async def perform(self, request: Request, typed: Mapping[str, str]) -> Response:
        """Order a comparison and show it."""
        wanted = ComparisonOrder(
            number_or_none(typed.get("old")) or 0,
            number_or_none(typed.get("new")) or 0,
            typed.get("platform") or None,
            start_of_day(typed.get("first")),
            end_of_day(typed.get("last")),
        )
        number = await order(services_of(request), identity_of(request).actor, wanted)
        return RedirectResponse(str(request.url_for("admin:comparison", number=number).path), 303)

    @route("/{number:int}", name="comparison")
    async def comparison(self, request: Request) -> Response:
        """Show a comparison: its progress, or its result."""
        services = services_of(request)
        try:
            found, result, examples = await find(services, number_in_path(request))
        except ProblemError:
            raise HTTPException(404) from None
        shown: dict[str, object] = {
            "title": gettext("Comparison %(number)s") % {"number": found.number},
            "comparison": found,
            "unfinished": found.state in UNFINISHED,
            "state_words": STATE_WORDS,
            "result": result,
        }
        if result is not None:
            document = WholeComparison.whole(found, result, examples)
            shown |= {
                "total": flip_lines([result.total], [gettext("All")])[0],
                "by_month": _by_month(result.by_month),
                "by_platform": flip_lines(result.by_platform[:ROWS], [one.platform for one in result.by_platform]),
                "bands": band_lines(result),
                "judged": [
                    {
                        "one": judged,
                        "biased": judged.sample == Sample.REVIEWS,
                        "lines": score_lines(judged),
                        "test": test_sentence(judged),
                    }
                    for judged in (result.unbiased, result.reviews)
                ],
                "notes": training_notes(result),
                "history_path": history_path,
                "document": document.model_dump(mode="json"),
                "script_words": _script_words(),
            }
        return self.render(request, shown, template="comparison.html")


def _by_month(cells: list[Cell]) -> list[FlipLine]:
    newest = cells[-ROWS:][::-1]
    return flip_lines(newest, [one.month for one in newest])


def _script_words() -> Mapping[str, object]:
    return {
        "toPositive": gettext("To positive"),
        "toNegative": gettext("To negative"),
        "old": gettext("Old model"),
        "new": gettext("New model"),
        "audit": gettext("Blind decisions"),
        "held_back": gettext("Blind decisions (held back)"),
        "reviews": gettext("All reviews (biased)"),
        "predicted": gettext("Predicted probability"),
        "observed": gettext("Share of positive"),
        "perfect": gettext("Perfectly calibrated"),
    }
