"""Format shares for people."""


def percent(share: float) -> str:
    """Return a share as a percentage with two decimals; 100% only for the whole."""
    return "100%" if share >= 1 else f"{min(share, 0.9999):.2%}"
