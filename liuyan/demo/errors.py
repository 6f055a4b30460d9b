"""Errors of the demo."""

from liuyan.errors import LiuyanError


class DemoError(LiuyanError):
    """The demo cannot run, for example because one of its programs ended unexpectedly."""
