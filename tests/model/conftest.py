"""Fixtures for the tests of the model."""

from tests.model.fixtures import few_comments, one_thread, real_comments, shipped, tiny_artifact

__all__ = ["few_comments", "one_thread", "real_comments", "shipped", "tiny_artifact"]
