"""Show scenes: a live screen on a terminal, otherwise plain lines."""

from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from liuyan.demo.figures import LabelledText
from liuyan.demo.scene import Scene
from store.batch import Label

LINE_SECONDS = 2.0
FIXED_LINES = 12
COLOURS = {Label.POSITIVE: "green", Label.NEGATIVE: "red"}


class Display(Protocol):
    """Shows scenes while a with block runs."""

    def show(self, scene: Scene) -> None:
        """Show the scene."""


def open_display() -> AbstractContextManager[Display]:
    """Return the display for standard output."""
    console = Console(highlight=False)
    return LiveDisplay(console) if console.is_terminal else LineDisplay(console)


class LiveDisplay:
    """A live full-screen display that leaves its last picture on the terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, screen=True, auto_refresh=False)
        self._last: Scene | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._live.stop()
        if self._last is not None and error is None:
            self._console.print(picture(self._last, lines=5))

    def show(self, scene: Scene) -> None:
        """Show the scene, with as many comments as the terminal's height allows."""
        self._last = scene
        self._live.update(picture(scene, lines=max(0, self._console.height - FIXED_LINES)), refresh=True)


class LineDisplay:
    """Prints a line every two seconds, and one each for the stack, the first labelled comment and the site."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next = 0.0
        self._stack_shown = False
        self._first_shown = False
        self._site_shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        pass

    def show(self, scene: Scene) -> None:
        """Print what has changed."""
        if not self._stack_shown:
            self._stack_shown = True
            self._print(scene, scene.stack)
        if scene.samples and not self._first_shown:
            self._first_shown = True
            first = scene.samples[0]
            self._print(scene, f"first labelled comment: {first.label} {first.probability:.2f} {first.text[:60]}")
        if scene.site and not self._site_shown:
            self._site_shown = True
            self._print(scene, f"admin app at {scene.site}/admin (name demo, password {scene.password})")
            self._print(scene, f"API at {scene.site}, documented at {scene.site}/docs")
            self._print(scene, f"settings for other terminals in {scene.settings_file}")
        if scene.seconds >= self._next:
            self._next = scene.seconds + LINE_SECONDS
            positive = scene.figures.positive_share
            share = "" if positive is None else f", {positive:.0%} positive"
            counts = f"published {scene.published:,} stored {scene.figures.stored:,} lag {scene.lag:,}"
            self._print(scene, f"{scene.state}: {counts}, {scene.rate:,.0f} comments/s{share}")

    def _print(self, scene: Scene, text: str) -> None:
        self._console.print(f"{scene.seconds:5.1f} s  {text}", soft_wrap=True, markup=False)


def picture(scene: Scene, lines: int) -> RenderableType:
    """Return the screen: figures, label shares, ``lines`` comments and links."""
    return Group(
        _title(scene),
        "",
        _figures(scene),
        "",
        _mix(scene),
        "",
        Rule(
            "latest comments with the probability that they are positive; yellow: uncertain", style="dim", align="left"
        ),
        _comments(scene, lines),
        Rule(style="dim"),
        _footer(scene),
    )


def _title(scene: Scene) -> RenderableType:
    minutes, seconds = divmod(int(scene.seconds), 60)
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    left = Text.assemble(("Liuyan 留言", "bold cyan"), "  ", (scene.stack, "dim"))
    grid.add_row(left, Text.assemble((scene.state, "yellow"), f"  {minutes}:{seconds:02}"))
    return grid


def _figures(scene: Scene) -> RenderableType:
    grid = Table.grid(expand=True)
    names = ("published", "stored", "lag", "comments/s")
    values = (scene.published, scene.figures.stored, scene.lag, round(scene.rate))
    for _ in names:
        grid.add_column(ratio=1)
    grid.add_row(*(Text(name, "dim") for name in names))
    grid.add_row(*(Text(f"{value:,}", "bold") for value in values))
    return grid


def _mix(scene: Scene) -> RenderableType:
    figures, share = scene.figures, scene.figures.positive_share
    if share is None:
        return Text("no labelled comments yet", "dim")
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True)
    bar = ProgressBar(
        total=figures.positive + figures.negative, completed=figures.positive, style="red", complete_style="green"
    )
    bar.finished_style = "green"
    grid.add_row(Text(f"positive {share:6.1%}", "green"), bar, Text(f"{1 - share:6.1%} negative", "red"))
    return grid


def _comments(scene: Scene, lines: int) -> RenderableType:
    grid = Table.grid(expand=True, padding=(0, 1))
    grid.add_column(width=8, no_wrap=True)
    grid.add_column(width=8, no_wrap=True)
    grid.add_column(width=4, no_wrap=True)
    grid.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    for sample in scene.samples[:lines]:
        grid.add_row(*_row(sample))
    return Align.left(grid, vertical="top", height=lines)


def _row(sample: LabelledText) -> tuple[Text, Text, Text, Text]:
    colour = "yellow" if sample.uncertain else COLOURS[sample.label]
    return (
        Text(sample.platform, "dim"),
        Text(sample.label, colour),
        Text(f"{sample.probability:.2f}", colour),
        Text(" ".join(sample.text.split())),
    )


def _footer(scene: Scene) -> RenderableType:
    links, account = Text("starting admin app and API ...", "dim"), Text("")
    if scene.site:
        links = Text.assemble(
            (f"{scene.site}/admin", "underline cyan"), "  ", (f"{scene.site}/docs", "underline cyan"),
            ("  settings ", "dim"), scene.settings_file,
        )  # fmt: skip
        account = Text.assemble(("name ", "dim"), "demo", ("  password ", "dim"), scene.password)
    grid = Table.grid(expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_row(account, Text("Ctrl-C to stop", "dim"))
    return Group(links, grid)
