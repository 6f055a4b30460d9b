"""The fixtures that the tests of the research share with those of the model."""

from tests.model.fixtures import few_comments, one_thread, tiny_artifact

__all__ = ["few_comments", "one_thread", "tiny_artifact"]
