"""Fixtures shared with the tests of the model."""

from tests.model.fixtures import few_comments, one_thread, tiny_artifact

__all__ = ["few_comments", "one_thread", "tiny_artifact"]
