"""What goes wrong with servers that are started here."""

from liuyan.errors import LiuyanError


class LocalStackError(LiuyanError):
    """A server could not be got or did not start; the sentence says what to do about it."""
