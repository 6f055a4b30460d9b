"""Run the API as a process: check everything it needs, serve, and shut down gracefully."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence

import structlog
from prometheus_client import CollectorRegistry

from api.app import create_app
from api.comparisons import work_on_comparisons
from api.figures import refresh_forever
from api.group_decisions import work_on_groups
from api.keyword_samples import refresh_keywords
from api.metrics import Metrics
from api.pending import resolve_pending_forever
from api.predictor import Predictor
from api.retention import purge_forever
from api.services import QUERY_SECONDS, Services
from liuyan.health import Check, address_of, bind, quiet_server, serve_health, start_listening
from liuyan.settings import Settings
from registry.follow import LoadedModel, ModelFollower, load_active
from store.accounts import UserFilter, count_users
from store.database_roles import Role
from store.grants import check_grants
from store.ready import database_reachable
from store.store import Store

# Requests in progress may finish; idle connections are closed.
GRACE_SECONDS = 10
log = structlog.get_logger(__name__)


async def serve(settings: Settings, host: str, port: int) -> None:
    """Run the API at ``host``:``port`` until SIGTERM or SIGINT.

    Raises LiuyanError with one sentence: address in use, database unreachable, wrong password, pending migrations,
    missing or damaged artifact.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_api(settings, host, port):
        await stop.wait()
        log.info("stopping", grace_seconds=GRACE_SECONDS)


@contextlib.asynccontextmanager
async def running_api(settings: Settings, host: str, port: int) -> AsyncIterator[str]:
    """Serve the API and its health endpoints while the block runs, and yield its URL with the actual port.

    Raises LiuyanError as ``serve`` does.
    """
    settings.required_secret_key()
    settings.check_sign_in()
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    # Binding first reports an address in use at once. Connections are refused until the server listens.
    with contextlib.closing(bind(f"{host}:{port}")) as listener:
        async with Store.open(settings.required_database_url(), answer_seconds=QUERY_SECONDS) as store:
            await store.check_ready()
            await store.read(check_grants, Role.API)
            loaded = await load_active(store, settings, metrics.shared)
            metrics.use_model(loaded.labeller)
            database = database_reachable(store)
            with Predictor(loaded.labeller, metrics) as predictor:

                def use(model: LoadedModel) -> None:
                    predictor.use(model.labeller)
                    metrics.use_model(model.labeller)

                models = ModelFollower(store, settings, loaded, metrics.shared, use)
                del loaded  # The follower keeps it until it is replaced.

                async def ready() -> Sequence[Check]:
                    # A server that cannot load the active model still serves every page.
                    return [await database.check(), Check("model", True, models.describe())]

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
                        asyncio.create_task(models.run(), name="models"),
                        asyncio.create_task(work_on_comparisons(services), name="comparisons"),
                        asyncio.create_task(purge_forever(services), name="retention"),
                        asyncio.create_task(refresh_keywords(services.keywords, store, predictor), name="keywords"),
                    ]
                    url = f"http://{address_of(listener)}"
                    hosts = ",".join(settings.allowed_hosts)
                    log.info("serving", url=url, hosts=hosts, health=f"http://{health}", model=predictor.model.sha256)
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
