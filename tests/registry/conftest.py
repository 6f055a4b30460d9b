"""Fixtures for the tests of the registry."""

from pathlib import Path

import pytest

from liuyan.settings import Settings
from tests.store.conftest import (
    feed,
    kept_database,
    server_feed,
    server_store,
    server_url,
    store,
    store_kind,
    store_url,
)

__all__ = ["feed", "kept_database", "server_feed", "server_store", "server_url", "store", "store_kind", "store_url"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with an empty cache."""
    return Settings(cache_dir=tmp_path / "cache")
