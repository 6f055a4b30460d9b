"""Progress that nobody watches."""


def silent(_what: str, _done: int, _total: int) -> None:
    """A ``Report`` that shows nothing."""
