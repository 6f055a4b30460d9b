"""A consumer retries when the database fails during its start, without restarting."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import make_url

from local_stack.ports import ReservedPort
from tests.faults.proxy import Proxy
from tests.harness import Installation, comment


@pytest.fixture
async def installation(kafka: str, topic: str, migrated_url: str, tmp_path: Path) -> Installation:
    installation = Installation(kafka, topic, migrated_url, tmp_path, {"LIUYAN_GROUP": topic})
    await installation.create_topic(partitions=1)
    return installation


async def test_a_start_survives_cut_connections_and_a_lost_commit(installation: Installation) -> None:
    url = make_url(installation.database_url)
    assert url.port is not None
    await installation.publish([comment(1, "不错")])
    with ReservedPort() as port:
        proxy = Proxy(port.number, url.port)
        await proxy.start()
        # The first query is cut off, and the answer to the first COMMIT is lost.
        proxy.on_statement(b"SELECT", proxy.cut)
        proxy.lose_next_commit()
        through = url.set(port=port.number).render_as_string(hide_password=False)
        with installation.consumer(LIUYAN_DATABASE_URL=through) as consumer:
            await asyncio.to_thread(
                installation.wait_for, lambda: installation.comments() == 1, seconds=60, process=consumer
            )
            assert consumer.output().count("database connection lost, retrying") == 2
        assert proxy.lost_commits == 1
        await proxy.stop()
    assert installation.number("SELECT COUNT(*) FROM models") == 1
