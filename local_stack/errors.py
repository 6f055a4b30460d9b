"""Errors of local servers."""

from liuyan.errors import LiuyanError


class LocalStackError(LiuyanError):
    """A server cannot be downloaded or does not start; the message says what to do."""
