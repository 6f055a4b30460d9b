"""Run the API as a process: check everything it needs, serve, and shut down gracefully."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from api.app import create_app
from api.figures import refresh_forever
from api.group_decisions import work_on_groups
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

# Requests in progress may finish; idle connections are closed.
GRACE_SECONDS = 10
log = structlog.get_logger(__name__)


async def serve(settings: Settings, host: str, port: int, *, model_path: Path | None = None) -> None:
    """Run the API at ``host``:``port`` until SIGTERM or SIGINT.

    Raises LiuyanError with one sentence: address in use, database unreachable, wrong password, pending migrations,
    missing or damaged artifact.
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
    """Serve the API and its health endpoints while the block runs, and yield its URL with the actual port.

    Raises LiuyanError as ``serve`` does.
    """
    settings.required_secret_key()
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    # Binding first reports an address in use at once. Connections are refused until the server listens.
    with contextlib.closing(bind(f"{host}:{port}")) as listener:
        async with Store.open(settings.required_database_url(), answer_seconds=QUERY_SECONDS) as store:
            await store.check_ready()
            with metrics.shared.loading():
                labeller = await _load(store, settings, model_path)
            metrics.use_model(labeller)
            database = database_reachable(store)

            async def ready() -> Sequence[Check]:
                return [await database.check(), Check("model", True, f"The model {labeller.name} is loaded.")]

            with Predictor(labeller, metrics) as predictor:
                services = Services(store, predictor, settings, metrics=metrics)
                server = quiet_server(create_app(services), grace_seconds=GRACE_SECONDS)
                async with serve_health(settings.api_address, ready=ready, registry=registry) as health:
                    start_listening(listener)
                    task = asyncio.create_task(server.serve(sockets=[listener]), name="api")
                    background = [
                        asyncio.create_task(resolve_pending_forever(services), name="pending reviews"),
                        asyncio.create_task(work_on_groups(services), name="group decisions"),
                        asyncio.create_task(refresh_forever(services), name="figures"),
                        asyncio.create_task(metrics.shared.sample(store.pool_usage), name="samples"),
                    ]
                    url = f"http://{address_of(listener)}"
                    hosts = ",".join(settings.allowed_hosts)
                    log.info("serving", url=url, hosts=hosts, health=f"http://{health}", model=labeller.sha256)
                    await _warn_without_admin(store)
                    try:
                        yield url
                    finally:
                        for one in background:
                            one.cancel()
                        server.should_exit = True
                        await task


async def _warn_without_admin(store: Store) -> None:
    async with store.reading() as connection:
        if not await count_users(connection, UserFilter(role="admin", state="active")):
            log.warning("there is no active admin account", create_one="liuyan api create-admin NAME")


async def _load(store: Store, settings: Settings, path: Path | None) -> Labeller:
    """Load the model in ``path``, else the active model, else the shipped one if no model is active yet."""
    active = await store.read(read_active)
    if path is None and active is not None:
        path = find_artifact(active.sha256, settings.models_dir)
    labeller = await asyncio.to_thread(load_labeller, path, answer_cache_size=settings.answer_cache_size)
    if active is not None and active.sha256 != labeller.sha256:
        log.warning("the loaded model is not the active one", active=active.sha256)
    return labeller
