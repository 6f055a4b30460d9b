"""A database that breaks off while a consumer starts is asked again; it costs no restart."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import make_url

from local_stack.ports import ReservedPort
from tests.faults.proxy import Proxy
from tests.harness import Installation, comment


@pytest.fixture
async def installation(kafka: str, topic: str, database_url: str, tmp_path: Path) -> Installation:
    ours = Installation(kafka, topic, database_url, tmp_path, {"LIUYAN_GROUP": topic})
    ours.migrate()
    await ours.create_topic(partitions=1)
    return ours


async def test_a_start_survives_cut_connections_and_a_lost_commit(installation: Installation) -> None:
    ours = installation
    url = make_url(ours.database_url)
    assert url.port is not None
    await ours.publish([comment(1, "不错")])
    with ReservedPort() as port:
        proxy = Proxy(port.number, url.port)
        await proxy.start()
        # The first look at the tables is cut off, and the answer is lost when the first transaction is committed.
        proxy.on_statement(b"SELECT", proxy.cut)
        proxy.lose_next_commit()
        through = url.set(port=port.number).render_as_string(hide_password=False)
        with ours.consumer(LIUYAN_DATABASE_URL=through) as consumer:
            await asyncio.to_thread(ours.wait_for, lambda: ours.comments() == 1, seconds=60, process=consumer)
            assert consumer.output().count("database connection lost, retrying") == 2
        assert proxy.lost_commits == 1
        await proxy.stop()
    assert ours.number("SELECT COUNT(*) FROM models") == 1
