"""What goes wrong in the demo itself."""

from liuyan.errors import LiuyanError


class DemoError(LiuyanError):
    """A part of the demo ended by itself; the sentence quotes the end of its log."""
