"""Fixtures: the app with a new database for each test module, and a browser that reports all errors of pages."""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from fastapi import FastAPI
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Route,
    ViewportSize,
    async_playwright,
    expect,
)
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from api.app import create_app
from api.identity import cookies
from api.identity.roles import Role
from api.identity.secrets import digest_of, new_secret
from api.metrics import Metrics
from api.predictor import Predictor
from api.services import Services
from liuyan.health import address_of, listen, quiet_server
from liuyan.settings import Settings
from local_stack.chromium import get_chromium
from model.labeller import Labeller, load_labeller
from store.accounts import NewUser, add_user
from store.login_sessions import LoginSession, add_session
from store.store import Store
from tests.admin.looking import WIDE
from tests.admin.seed import seed
from tests.store.feed import ERASURE_KEY, Feed, feed_of

PASSWORD = "a password only for tests"
# No page takes longer, even on a busy machine.
WAIT_MILLISECONDS = 15_000
expect.set_options(timeout=WAIT_MILLISECONDS)
NAMES = {Role.USER: "小用", Role.REVIEWER: "小审", Role.ADMIN: "小管"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the app, the browser and the tests in one event loop, so that the app responds while a test waits."""
    for item in items:
        if "tests/admin/" in item.nodeid and isinstance(item, pytest.Function) and _is_async(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _is_async(item: pytest.Function) -> bool:
    return asyncio.iscoroutinefunction(item.function)


@dataclass(frozen=True)
class Site:
    """The running app, with direct access to its services and database.

    ``users`` has the account number of each role; their password is PASSWORD.
    """

    url: str
    app: FastAPI
    services: Services
    feed: Feed
    users: dict[Role, int]

    @property
    def store(self) -> Store:
        """The app's store."""
        return self.services.store

    async def add_user(self, name: str, role: Role, **changes: str | bool) -> int:
        """Add an account, active and with PASSWORD unless ``changes`` says otherwise, and return its number."""
        values = {"state": "active", **changes}
        new = NewUser(name, await self.services.passwords.hash(PASSWORD), role, **values)  # type: ignore[arg-type]
        async with self.store.writing() as session:
            return await add_user(session, new, self.services.now())

    async def sign_in(self, user_number: int, *, confirmed: bool = True) -> str:
        """Add a session of the account, confirmed as after a sign-in, and return its cookie's value."""
        secret, now = new_secret(), self.services.now()
        until, confirmed_at = now + timedelta(days=1), now if confirmed else None
        added = LoginSession(digest_of(secret), user_number, now, now, until, "127.0.0.1", "tests", confirmed_at)
        async with self.store.writing() as session:
            await add_session(session, added)
        return secret


@dataclass
class Visits:
    """Opens pages, each in its own browser context, and records their errors."""

    site: Site
    browser: Browser
    errors: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)
    _allowed: list[str] = field(default_factory=list)

    async def open(
        self,
        role: Role | int | None,
        path: str = "/admin/",
        *,
        size: ViewportSize = WIDE,
        language: str = "zh-CN",
        confirmed: bool = True,
        touch: bool = False,
        routes: Mapping[str, Callable[[Route], Awaitable[None]]] = MappingProxyType({}),
    ) -> Page:
        """Open ``path`` as the user of a role, as an account by number, or with None as a signed-out client.

        ``touch`` emulates a touch screen without a mouse. ``routes`` are installed before the page loads: on a loaded
        page they could take effect after the first request that they should intercept.
        """
        context = await self.browser.new_context(
            base_url=self.site.url,
            viewport=size,
            locale=language,
            timezone_id="Asia/Shanghai",
            has_touch=touch,
            is_mobile=touch,
        )
        self.contexts.append(context)
        context.set_default_timeout(WAIT_MILLISECONDS)
        if role is not None:
            number = self.site.users[role] if isinstance(role, Role) else role
            secret = await self.site.sign_in(number, confirmed=confirmed)
            await context.add_cookies([{"name": cookies.SESSION, "value": secret, "url": self.site.url}])
        page = await context.new_page()
        page.on("console", self._record_console)
        page.on("pageerror", lambda error: self.errors.append(f"error on the page: {error}"))
        page.on("request", self._record_request)
        for pattern, handler in routes.items():
            await page.route(pattern, handler)
        await page.goto(path)
        return page

    def allow(self, pattern: str) -> None:
        """Allow errors that match a regular expression, because the test provokes them."""
        self._allowed.append(pattern)

    def unexpected(self) -> list[str]:
        """Return the errors that were not allowed."""
        return [error for error in self.errors if not any(re.search(one, error) for one in self._allowed)]

    def _record_console(self, message: ConsoleMessage) -> None:
        # Chromium also logs violations of the policy as errors.
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.type} in the console: {message.text} ({message.location.get('url')})")

    def _record_request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("data", "blob") and address.netloc != urlsplit(self.site.url).netloc:
            self.errors.append(f"a request to another host: {request.url}")


@pytest.fixture(scope="session")
def labeller() -> Labeller:
    """Load the shipped model."""
    return load_labeller()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Start Debian's Chromium in headless mode."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=get_chromium(), args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def site(module_migrated_url: str, labeller: Labeller) -> AsyncIterator[Site]:
    """Start the app with the comments of seed.py and an account of each role."""
    async with Store.open(module_migrated_url, audit_share=0) as store:
        await store.check_ready(ERASURE_KEY)
        metrics = Metrics(CollectorRegistry())
        with Predictor(labeller, metrics) as predictor:
            settings = Settings(
                _env_file=None,
                secret_key=SecretStr(secrets.token_hex(32)),
                contact_key=SecretStr(secrets.token_hex(32)),
            )
            services = Services(store, predictor, settings, metrics=metrics)
            feed = await feed_of(store, labeller.sha256)
            await seed(feed)
            app = create_app(services)
            async with _serving(app) as url:
                site = Site(url, app, services, feed, {})
                for role, name in NAMES.items():
                    site.users[role] = await site.add_user(name, role)
                yield site


@contextlib.asynccontextmanager
async def _serving(app: FastAPI) -> AsyncIterator[str]:
    with contextlib.closing(listen("127.0.0.1:0")) as listener:
        server = quiet_server(app, grace_seconds=1)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://{address_of(listener)}"
        finally:
            server.should_exit = True
            await task


@pytest_asyncio.fixture(loop_scope="session")
async def visits(site: Site, browser: Browser) -> AsyncIterator[Visits]:
    """Open pages, and fail the test at its end if they had errors that it did not allow."""
    visits = Visits(site, browser)
    yield visits
    for context in visits.contexts:
        await context.close()
    assert visits.unexpected() == []
