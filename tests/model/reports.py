"""A progress report without output."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Ignore progress."""
