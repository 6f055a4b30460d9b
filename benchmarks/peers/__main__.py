"""`make bench-peers`: measure Liuyan and the peers in turns and write the results."""

import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.consumer import SERVERS_CORE, pinned
from benchmarks.peers import results as files
from benchmarks.peers.environments import environment, versions
from benchmarks.peers.export import export
from benchmarks.peers.report import markdown
from benchmarks.peers.results import Results, SystemResult
from benchmarks.peers.running import Servers, machine, measure_backlog, measure_latency
from benchmarks.peers.systems import System, systems
from liuyan.errors import LiuyanError, UsageError
from local_stack.kafka import Kafka
from local_stack.mysql import MySQL

SHARES = (0.25, 0.5, 0.75)
COMMON_RATES = (100, 500, 1000)
# A slow system labels at least this many, because it stores up to 512 at once.
FEWEST_COMMENTS = 2_048
# A common rate closer to a system's throughput than this says little.
HIGHEST_SHARE = 0.9

app = typer.Typer(add_completion=False)
console = Console(stderr=True)


@dataclass(frozen=True)
class Plan:
    """What to measure: comments in the backlog, seconds per rate, and the common rates."""

    chosen: list[System]
    rounds: int
    comments: int
    seconds: float
    common: tuple[int, ...]

    def backlog(self, system: System) -> int:
        """Return the number of comments for a system."""
        return self.comments if system.share == 1 else max(FEWEST_COMMENTS, int(self.comments * system.share))

    def rates(self, throughput: float) -> dict[str, float]:
        """Return rates by name, the lowest first."""
        own = {f"{share:.0%}".replace("%", " %"): share * throughput for share in SHARES}
        common = {f"{rate}/s": float(rate) for rate in self.common if rate <= HIGHEST_SHARE * throughput}
        return dict(sorted({**own, **common}.items(), key=lambda pair: pair[1]))


@app.command()
def run(
    chosen: Annotated[str, typer.Option("--systems", help="Names separated by commas; all if empty.")] = "",
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    comments: Annotated[int, typer.Option(min=FEWEST_COMMENTS, help="Comments in the backlog.")] = 50_000,
    seconds: Annotated[float, typer.Option(min=3, help="Seconds at each rate.")] = 12,
    quick: Annotated[bool, typer.Option(help="One round of 8,000 comments and 5 seconds per rate.")] = False,
    resume: Annotated[bool, typer.Option(help="Add to the newest session instead of starting one.")] = False,
) -> None:
    """Measure systems in turns. Other systems in the results stay as they are."""
    plan = Plan(_choose(chosen), rounds, comments, seconds, COMMON_RATES)
    if quick:
        plan = Plan(plan.chosen, 1, 8_000, 5, (500,))
    results = files.load()
    session = _session(results, plan, resume)
    for system in plan.chosen:
        python = environment(system.requirements) if system.requirements else Path(sys.executable)
        results.systems[system.name] = SystemResult(system.title, session, versions(python, system.packages))
    results.systems = {name: results.systems[name] for name in systems() if name in results.systems}
    results.drop_unused_sessions()
    with (
        tempfile.TemporaryDirectory() as folder,
        pinned(SERVERS_CORE),
        Kafka() as kafka,
        MySQL() as mysql,
    ):
        model = Path(folder) / "model"
        model.mkdir()
        export(model)
        _measure(Servers(kafka, mysql, model, Path(folder)), plan, results)
    console.print(f"Wrote {files.JSON.name} and {files.MARKDOWN.name}.")


def _measure(servers: Servers, plan: Plan, results: Results) -> None:
    """Measure round by round, so that other load on the machine meets all systems. Write after each step."""
    for number in range(plan.rounds):
        for system in plan.chosen:
            result = results.systems[system.name]
            for engine in system.engines:
                done = measure_backlog(servers, system, engine, plan.backlog(system))
                result.backlog.setdefault(engine, []).append(asdict(done))
                console.print(f"round {number + 1}: {system.name} ({engine}) {done.throughput:,.0f} comments/s")
                write(results)
    for number in range(plan.rounds):
        for system in plan.chosen:
            result = results.systems[system.name]
            rates = plan.rates(result.throughput().median)
            measured = measure_latency(servers, system, result.engine, list(rates.values()), plan.seconds)
            for name, one in zip(rates, measured, strict=False):
                result.latency.append({"of": name, **asdict(one)})
            p99 = ", ".join(f"{one.p99:,.0f} ms at {one.rate:,.0f}/s" for one in measured)
            console.print(f"round {number + 1}: {system.name} p99 {p99}")
            write(results)


def write(results: Results) -> None:
    """Write both files."""
    files.save(results)
    files.MARKDOWN.write_text(markdown(results))


def _choose(names: str) -> list[System]:
    known = systems()
    chosen = [name.strip() for name in names.split(",") if name.strip()] or list(known)
    unknown = [name for name in chosen if name not in known]
    if unknown:
        raise UsageError(f"There is no system {unknown[0]!r}. Choose from {', '.join(known)}.")
    return [known[name] for name in chosen]


def _session(results: Results, plan: Plan, resume: bool) -> str:
    """Return the session that new figures belong to."""
    facts = {**machine(), "rounds": plan.rounds, "comments": plan.comments, "seconds_per_rate": plan.seconds}
    if not resume:
        name = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        results.sessions[name] = facts
        return name
    newest = max(results.sessions, default=None)
    if newest is None:
        raise UsageError("There is no session to resume. Measure without --resume first.")
    if any(results.sessions[newest][fact] != facts[fact] for fact in ("processor", "cores", "memory_gib")):
        raise UsageError("The newest session was measured on another machine. Measure without --resume.")
    return newest


def main() -> int:
    """Run the command; report an error in one line."""
    try:
        app(standalone_mode=False)
    except LiuyanError as error:
        sys.stderr.write("\n".join(error.lines) + "\n")
        return error.exit_status
    except typer.Exit as end:
        return int(end.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
