"""What a dashboard consists of. Everything that people read is a Text; build.py chooses the language."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum

from dashboards.alerts import Alert
from dashboards.text import Text


class Kind(StrEnum):
    """How a panel shows its data; the value is the name of Grafana's panel."""

    LINES = "timeseries"
    STAT = "stat"
    TABLE = "table"


class Draw(Enum):
    """How a time series panel draws."""

    LINE = "line"
    BARS = "bars"
    # Areas on top of each other, as they are or as shares of their sum.
    STACKED = "stacked"
    SHARES = "shares"


class Unit(StrEnum):
    """Units, by the ids that Grafana uses."""

    COUNT = "short"
    SHARE = "percentunit"
    SECONDS = "s"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    PER_SECOND = "cps"
    REQUESTS_PER_SECOND = "reqps"
    NONE = "none"
    TIME = "dateTimeAsIso"


class Color(StrEnum):
    """Colours with a meaning, by their names in Grafana."""

    POSITIVE = "green"
    NEGATIVE = "red"
    UNCERTAIN = "yellow"
    UNCLEAR = "purple"
    SPAM = "orange"
    NOW = "blue"
    EARLIER = "super-light-purple"


@dataclass(frozen=True, slots=True)
class Metric:
    """A PromQL query. The legend may contain ``{{label}}``. ``instant`` asks for the current values only."""

    expression: str
    legend: Text
    instant: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """An SQL query on the views of the read-only account.

    ``over_time`` means that the column ``time`` is the x axis, and that a column ``metric`` names the series.
    """

    statement: str
    over_time: bool = True


@dataclass(frozen=True, slots=True)
class Field:
    """How one column or series is shown; ``name`` is the query's column, or the series' legend in English.

    ``link`` is a URL in which ``${__data.fields.NAME}`` stands for the row's value.
    """

    name: str
    title: Text
    unit: Unit | None = None
    color: Color | None = None
    link: str | None = None
    link_title: Text | None = None
    hidden: bool = False
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. ``advice`` says what to do when it looks wrong.

    ``alerts`` draw their thresholds. ``width`` is in the grid's 24 columns, ``height`` in its rows.
    ``empty`` is shown instead of an empty panel where no data is good news.
    """

    title: Text
    advice: Text
    unit: Unit
    queries: Sequence[Metric | Rows]
    kind: Kind = Kind.LINES
    draw: Draw = Draw.LINE
    width: int = 8
    height: int = 8
    alerts: Sequence[Alert] = ()
    fields: Sequence[Field] = ()
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    empty: Text | None = None
    # The shortest step between two points.
    interval: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: Text
    panels: Sequence[Panel]


@dataclass(frozen=True, slots=True)
class Choice:
    """A menu on top of a dashboard, filled by a query; all values are chosen at first."""

    name: str
    title: Text
    query: str
    sql: bool


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A dashboard. ``name`` is the name of its file and part of its address; ``since`` is its first time range."""

    name: str
    title: Text
    description: Text
    rows: Sequence[Row]
    since: str
    choices: Sequence[Choice] = ()
