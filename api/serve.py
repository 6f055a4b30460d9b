"""The API as a process: everything opened in order, one clear line when something is missing, a graceful end."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from api.app import create_app
from api.metrics import Metrics
from api.pending import resolve_pending_forever
from api.predictor import Predictor
from api.services import QUERY_SECONDS, Services
from liuyan.health import Check, address_of, bind, quiet_server, serve_health, start_listening
from liuyan.settings import Settings
from model.artifact import find_artifact
from model.labeller import Labeller, load_labeller
from store.accounts import UserFilter, count_users
from store.models import read_active
from store.ready import database_reachable
from store.store import Store

# Answers under way may end; clients that keep their connection open without asking are cut off.
GRACE_SECONDS = 10
log = structlog.get_logger(__name__)


async def serve(settings: Settings, host: str, port: int, *, model_path: Path | None = None) -> None:
    """Run the API at ``host``:``port`` until SIGTERM or SIGINT.

    Raises LiuyanError, one sentence each: an address in use, no database, a wrong password, migrations not run, an
    artifact missing or damaged.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_api(settings, host, port, model_path=model_path):
        await stop.wait()
        log.info("stopping", grace_seconds=GRACE_SECONDS)


@contextlib.asynccontextmanager
async def running_api(
    settings: Settings, host: str, port: int, *, model_path: Path | None = None
) -> AsyncIterator[str]:
    """The API and its health paths while the block runs; yields its URL, in which port 0 has become a real one.

    Raises LiuyanError as ``serve`` does.
    """
    settings.required_secret_key()
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    # An address in use is told at once; who connects is refused, and does not wait, until there is somebody to answer.
    with contextlib.closing(bind(f"{host}:{port}")) as listener:
        async with Store.open(settings.required_database_url(), answer_seconds=QUERY_SECONDS) as store:
            await store.check_ready()
            labeller = await _load(store, settings, model_path)

            database = database_reachable(store)

            async def ready() -> Sequence[Check]:
                return [await database.check(), Check("model", True, f"The model {labeller.name} is loaded.")]

            with Predictor(labeller, metrics) as predictor:
                services = Services(store, predictor, settings)
                server = quiet_server(create_app(services, metrics), grace_seconds=GRACE_SECONDS)
                async with serve_health(settings.api_address, ready=ready, registry=registry) as health:
                    start_listening(listener)
                    task = asyncio.create_task(server.serve(sockets=[listener]), name="api")
                    beside = asyncio.create_task(resolve_pending_forever(services), name="pending reviews")
                    url = f"http://{address_of(listener)}"
                    hosts = ",".join(settings.allowed_hosts)
                    log.info("serving", url=url, hosts=hosts, health=f"http://{health}", model=labeller.sha256)
                    await _look_for_an_admin(store)
                    try:
                        yield url
                    finally:
                        beside.cancel()
                        server.should_exit = True
                        await task


async def _look_for_an_admin(store: Store) -> None:
    async with store.reading() as connection:
        if not await count_users(connection, UserFilter(role="admin", state="active")):
            log.warning("nobody can manage accounts yet", make_one="liuyan api create-admin NAME")


async def _load(store: Store, settings: Settings, path: Path | None) -> Labeller:
    """The model in ``path``, else the active one, else, where none is active yet, the shipped one."""
    active = await store.read(read_active)
    if path is None and active is not None:
        path = find_artifact(active.sha256, settings.models_dir)
    labeller = await asyncio.to_thread(load_labeller, path, answer_cache_size=settings.answer_cache_size)
    if active is not None and active.sha256 != labeller.sha256:
        log.warning("predictions come from another model than the active one", active=active.sha256)
    return labeller
