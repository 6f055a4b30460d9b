"""`liuyan model promote` and `liuyan model rollback`: report what changes, ask, and move the pointer."""

from typing import TYPE_CHECKING, Annotated

import typer

from liuyan.errors import UsageError
from liuyan.terminal import is_terminal_input, require_confirmation, write_line

if TYPE_CHECKING:
    from store.batch import ModelRow
    from store.promotion_preview import ModelSide, Preview
    from store.store import Store

ModelName = Annotated[str, typer.Argument(metavar="MODEL", help="Number, or beginning of the SHA-256, as in `list`.")]
By = Annotated[str | None, typer.Option(help="Who does this, for the audit log. Default: your account's name.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def promote(
    model: ModelName,
    yes: Yes = False,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Promote it although it has not labelled all comments.")
    ] = False,
    by: By = None,
) -> None:
    """Make a model the active one: show its labels from now on.

    Reports what will change and asks. Running consumers and servers load the model and switch to it. No labels are
    rewritten; `liuyan model rollback` returns to the previous model.
    """
    from store.audit import command_actor
    from store.promotion import find_model, promote_model
    from store.promotion_preview import preview_promotion
    from store.ready import with_store

    async def run(store: "Store") -> "ModelRow":
        number = (await store.read(find_model, model)).number
        preview = await store.read(preview_promotion, number)
        if not preview.candidate.model.active:
            _report(preview)
            _confirm(preview, yes=yes, incomplete=incomplete)
        return await store.write(promote_model, command_actor(by), number, preview.active_number)

    promoted = with_store(run)
    write_line(f"Model {promoted.number} ({promoted.name}, {promoted.sha256[:12]}) is active.")


def rollback(yes: Yes = False, by: By = None) -> None:
    """Make the previous model the active one again.

    Comments stored or edited since the promotion are labelled by it in the background.
    """
    from store.audit import command_actor
    from store.models import read_active
    from store.promotion import roll_back
    from store.ready import with_store

    async def run(store: "Store") -> "ModelRow":
        active = await store.read(read_active)
        if active is None:
            raise UsageError("No model is active. Start a consumer, or promote a model with `liuyan model promote`.")
        if active.predecessor is not None:
            write_line(
                f"Model {active.predecessor} becomes active in place of {active.number} ({active.name}).", err=True
            )
            require_confirmation("Roll back?", yes=yes)
        return await store.write(roll_back, command_actor(by), active.number)

    restored = with_store(run)
    write_line(f"Model {restored.number} ({restored.name}, {restored.sha256[:12]}) is active.")


def _report(preview: "Preview") -> None:
    """Report on standard error what the promotion changes."""
    from registry.percent import percent

    new, old, flips = preview.candidate, preview.active, preview.flips
    write_line(f"promote    {_name(new)}", err=True)
    write_line(f"instead of {'no model' if old is None else _name(old)}", err=True)
    coverage = new.totals.coverage
    write_line(f"coverage   {percent(coverage.share)} of {coverage.comments:,} comments", err=True)
    if flips.compared:
        write_line(
            f"flips      {flips.all:,} of the newest {flips.compared:,} comments: "
            f"{flips.to_positive:,} become positive, {flips.to_negative:,} negative",
            err=True,
        )
    for what, side in (("before", old), ("after", new)):
        if side is not None:
            write_line(f"{what:10} {_figures(side)}", err=True)


def _name(side: "ModelSide") -> str:
    return f"{side.model.number} {side.model.name} {side.model.sha256[:12]}"


def _figures(side: "ModelSide") -> str:
    from registry.percent import percent

    totals, audit = side.totals, side.audit
    figures = []
    if totals.coverage.labelled:
        figures.append(f"{percent(totals.positive / totals.coverage.labelled)} positive")
    figures.append(f"{totals.undecided:,} uncertain comments to review")
    if audit is not None and audit.judged:
        figures.append(f"accuracy {percent(audit.right / audit.judged)} on {audit.judged:,} blind decisions")
    if totals.decided:
        figures.append(f"agrees with {percent(totals.right / totals.decided)} of {totals.decided:,} reviews (biased)")
    return ", ".join(figures)


def _confirm(preview: "Preview", *, yes: bool, incomplete: bool) -> None:
    """Ask whether to promote. Raises UsageError if nobody can answer and the options do not decide."""
    missing = preview.candidate.totals.coverage.missing
    question = "Promote it?"
    if missing:
        write_line(f"missing    {missing:,} comments keep the label of another model", err=True)
        if not incomplete and (yes or not is_terminal_input()):
            raise UsageError(
                f"Model {preview.candidate.model.number} has not labelled {missing:,} comments. Replay it first with "
                f"`liuyan consumer replay {preview.candidate.model.number}`, or add --incomplete."
            )
        question = "Promote it although it has not labelled all comments?"
    require_confirmation(question, yes=yes)
