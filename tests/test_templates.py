"""A copied database equals a migrated one."""

from sqlalchemy import inspect

from store.admin_tables import metadata
from store.migrate import newest_revision, stored_revision
from store.store import Store
from tests.store.test_migrations import definitions

VIEWS = {"dashboard_hours", "dashboard_weeks", "dashboard_reviews"}


async def test_a_copy_has_all_tables_and_views_and_the_newest_revision(every_migrated_url: str) -> None:
    async with Store.open(every_migrated_url) as store, store.engine.begin() as connection:
        assert await connection.run_sync(stored_revision) == newest_revision()
        assert set(await connection.run_sync(lambda plain: inspect(plain).get_view_names())) == VIEWS
        copied = await connection.run_sync(definitions)
        await connection.run_sync(metadata.drop_all)
        await connection.run_sync(metadata.create_all)
        described = await connection.run_sync(definitions)
    assert copied == described | {"alembic_version": copied["alembic_version"]}
