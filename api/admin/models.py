"""The models page: list models with their coverage, promote one and roll back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.admin.flash import flash
from api.admin.loaded_model import other_model
from api.admin.page import Page, identity_of, number_in_path, number_or_none, route, services_of
from api.i18n import gettext, lazy_gettext, show_number
from api.identity.roles import Role
from api.problems import ProblemError
from api.rest.models import promote_in_place, read_models, roll_back_from
from registry.percent import percent
from store.analytics import CountFilter
from store.corrections import AuditAccuracy, audit_accuracy
from store.intervals import wilson
from store.promotion import NoModelError
from store.promotion_preview import ModelSide, Preview, preview_promotion

LIST = "/admin/models"


@dataclass(frozen=True, slots=True)
class Compared:
    """A line of the confirmation page: a figure of the active model and of the one to promote."""

    name: str
    before: str
    after: str


class ModelsPage(Page):
    """Every model that is registered in this database."""

    path = "/models"
    menu_label = lazy_gettext("Models")
    icon = "fa-solid fa-microchip"
    role: ClassVar[Role | None] = Role.ADMIN
    template = "models.html"

    async def context(self, request: Request) -> Mapping[str, object]:
        """Return the models, newest first."""
        models = await read_models(services_of(request))
        active = next((model for model in models if model.active), None)
        return {
            "models": models,
            "active": active,
            "previous": next((model for model in models if active and model.number == active.predecessor), None),
            "percent": percent,
            "accuracies": await _accuracies(request),
            "other_model": await other_model(request),
        }

    @route("/{number:int}/promote", name="model-promotion")
    async def confirm(self, request: Request) -> Response:
        """Show what a promotion changes, and ask."""
        return await self._confirmation(request)

    @route("/{number:int}/promote", methods=["POST"], name="model-promote")
    async def promote(self, request: Request) -> Response:
        """Make a model the active one, so that its labels are shown."""
        form = await request.form()
        services, actor, number = services_of(request), identity_of(request).actor, number_in_path(request)
        try:
            seen = number_or_none(form.get("instead_of"))
            await promote_in_place(services, actor, number, seen, incomplete=bool(form.get("incomplete")))
        except ProblemError as problem:
            if problem.status == 404:
                raise HTTPException(404) from None
            return await self._confirmation(request, problem)
        return await self._done(request, number)

    @route("/{number:int}/rollback", methods=["POST"], name="model-rollback")
    async def rollback(self, request: Request) -> Response:
        """Make the model that was active before this one the active one again."""
        try:
            number = await roll_back_from(services_of(request), identity_of(request).actor, number_in_path(request))
        except ProblemError as problem:
            if problem.status == 404:
                raise HTTPException(404) from None
            flash(request, problem.detail, "error")
            return RedirectResponse(LIST, 303)
        return await self._done(request, number)

    async def _done(self, request: Request, number: int) -> Response:
        name = next(model.name for model in await read_models(services_of(request)) if model.number == number)
        message = gettext("%(name)s is active. Running consumers and servers switch to it within seconds.")
        flash(request, message % {"name": name}, "success")
        return RedirectResponse(LIST, 303)

    async def _confirmation(self, request: Request, problem: ProblemError | None = None) -> Response:
        try:
            preview = await services_of(request).store.read(preview_promotion, number_in_path(request))
        except NoModelError:
            raise HTTPException(404) from None
        shown = {
            "title": gettext("Promote %(name)s") % {"name": preview.candidate.model.name},
            "preview": preview,
            "coverage": preview.candidate.totals.coverage,
            "share": percent(preview.candidate.totals.coverage.share),
            "compared": _compared(preview),
        }
        return self.render(request, shown, template="promotion.html", problem=problem)


async def _accuracies(request: Request) -> Mapping[str, str]:
    """Return each model's accuracy on the audit sample in words, by SHA-256; models without a decision are missing."""
    found = await services_of(request).store.read(audit_accuracy, CountFilter())
    return {one.model: _accuracy(one) for one in found if one.judged}


def _accuracy(audit: AuditAccuracy) -> str:
    low, high = wilson(audit.right, audit.judged)
    words = gettext("%(share)s of %(count)s (95%% interval %(low)s to %(high)s)")
    shares = {"share": percent(audit.right / audit.judged), "low": percent(low), "high": percent(high)}
    return words % {**shares, "count": show_number(audit.judged)}


def _compared(preview: Preview) -> Sequence[Compared]:
    """Return the figures of both models that a promotion exchanges."""
    figures = (
        (gettext("Model"), _name),
        (gettext("Labelled comments"), _labelled),
        (gettext("Share of positive"), _positive),
        (gettext("Uncertain comments to review"), lambda side: show_number(side.totals.undecided)),
        (gettext("Accuracy on the audit sample"), _audited),
        (gettext("Agreement with all reviews (biased)"), _agreed),
    )
    old, new = preview.active, preview.candidate
    return [Compared(name, "–" if old is None else figure(old), figure(new)) for name, figure in figures]


def _name(side: ModelSide) -> str:
    return f"{side.model.number} · {side.model.name} ({side.model.sha256[:12]})"


def _labelled(side: ModelSide) -> str:
    return percent(side.totals.coverage.share)


def _positive(side: ModelSide) -> str:
    labelled = side.totals.coverage.labelled
    return percent(side.totals.positive / labelled) if labelled else "–"


def _audited(side: ModelSide) -> str:
    audit = side.audit
    return gettext("no data") if audit is None or not audit.judged else _accuracy(audit)


def _agreed(side: ModelSide) -> str:
    decided = side.totals.decided
    if not decided:
        return gettext("no data")
    return gettext("%(share)s of %(count)s") % {
        "share": percent(side.totals.right / decided),
        "count": show_number(decided),
    }
