"""Write values in their units, roughly as Grafana does."""

from collections.abc import Sequence

# (smallest value, divisor, suffix), largest first.
SECONDS = ((172_800, 86_400, " d"), (7_200, 3_600, " h"), (120, 60, " min"), (1, 1, " s"), (0, 0.001, " ms"))
BYTES = ((2**30, 2**30, " GiB"), (2**20, 2**20, " MiB"), (2**10, 2**10, " KiB"), (0, 1, " B"))
COUNTS = ((1e6, 1e6, " M"), (1e4, 1e3, " k"), (0, 1, ""))
RATES = {"Bps": "/s", "cps": "/s", "reqps": "/s"}
Scale = tuple[float, str]


def scale_of(unit: str, largest: float) -> Scale:
    """Return the divisor and the suffix for values up to ``largest``."""
    if unit == "percentunit":
        return 0.01, " %"
    steps: Sequence[tuple[float, float, str]] = COUNTS
    if unit == "s":
        steps = SECONDS
    elif unit in ("bytes", "Bps"):
        steps = BYTES
    if unit == "s" and largest == 0:
        return 1.0, " s"
    divisor, suffix = next((divisor, suffix) for least, divisor, suffix in steps if abs(largest) >= least)
    return divisor, suffix + RATES.get(unit, "")


def written(value: float, unit: str, decimals: float | None = None, scale: Scale | None = None) -> str:
    """Return a value with its unit."""
    divisor, suffix = scale or scale_of(unit, value)
    scaled = value / divisor
    if decimals is None:
        decimals = 0 if scaled == round(scaled) or abs(scaled) >= 100 else 1 if abs(scaled) >= 10 else 2
    return f"{scaled:,.{int(decimals)}f}{suffix}"
