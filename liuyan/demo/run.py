"""Run the demo: start everything, publish, show, stop and compare."""

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka.errors import KafkaError

from consumer.topics import Topics
from liuyan.demo.corpus import events
from liuyan.demo.display import Display, open_display
from liuyan.demo.errors import DemoError
from liuyan.demo.figures import Comparison, Figures, compare, read_figures
from liuyan.demo.programs import Program
from liuyan.demo.publisher import Publisher
from liuyan.demo.scene import Rate, Samples, Scene
from liuyan.demo.settings_file import SettingsFile
from liuyan.demo.stack import Stack, StackName, started_stack
from liuyan.settings import DETECTION_PLATFORM
from local_stack import ports
from local_stack.ports import ReservedPort
from store.migrate import migrate
from store.store import Store

TOPIC = "comments"
# The topics to consume, and how they are bound: the demo's is open to all platforms, because the producer examples
# publish to it, and text detection has its own.
TOPICS = {TOPIC: TOPIC, DETECTION_PLATFORM: f"{DETECTION_PLATFORM}={DETECTION_PLATFORM}"}
ACCOUNT = "demo"
# Settings of the running demo, for commands in other terminals, in the current folder.
SETTINGS_FILE = "demo.env"
# Its variable with the address of the admin app and the API.
SITE = "DEMO_URL"
PARTITIONS = 4
REFRESH_SECONDS = 0.25
# Part of the given time that is reserved for labelling and storing the last comments.
DRAIN_SECONDS = 2.0
MAXIMUM_DRAIN_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the demo. ``seconds`` None means until Ctrl-C; ``rate`` is in comments per second."""

    stack: StackName
    seconds: float | None
    rate: float
    seed: int


def run_demo(options: Options, started_at: float) -> Comparison:
    """Run the demo and compare published with stored comments.

    ``started_at`` is the start of the command on the monotonic clock. Raises LocalStackError if a server cannot be
    obtained or started, and DemoError if a part of the demo ends unexpectedly.
    """
    with TemporaryDirectory(prefix="liuyan-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with started_stack(options.stack, folder) as stack, ReservedPort() as api_port:
            return asyncio.run(Demo(options, stack, folder, api_port.number, started_at).run())


def _import_create_first_admin() -> Callable[[Store, str, str], Awaitable[str]]:
    """Import late and in a thread, because this loads the web framework while comments are already published."""
    from api.identity.first_admin import create_first_admin

    return create_first_admin


@dataclass(slots=True)
class StopRequest:
    """The first signal stops and drains, the second one skips draining."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    skip_drain: asyncio.Event = field(default_factory=asyncio.Event)

    def on_signal(self) -> None:
        """Handle a signal."""
        (self.skip_drain if self.stop.is_set() else self.stop).set()


class Demo:
    """The running demo: two programs, the publisher, and the loop that refreshes the screen."""

    def __init__(self, options: Options, stack: Stack, folder: Path, api_port: int, started_at: float) -> None:
        self._options = options
        self._stack = stack
        self._folder = folder
        self._api_port = api_port
        self._started_at = started_at
        self._state = "starting"
        self._figures = Figures()
        self._rate = Rate()
        self._samples = Samples(options.seed)
        self._site: str | None = None
        self._password = secrets.token_hex(8)
        self._programs: list[Program] = []
        source = events(options.seed, datetime.now(UTC))
        self._settings_file = SettingsFile(Path(SETTINGS_FILE))
        self._publisher = Publisher(stack.bootstrap, TOPIC, source, options.rate, self._lag)

    async def run(self) -> Comparison:
        """Run until the time is over or a signal arrives."""
        request = StopRequest()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, request.on_signal)
        async with Store.open(self._stack.database_url) as store:
            with ExitStack() as cleanup:
                cleanup.callback(self._settings_file.remove)
                cleanup.callback(self._kill_programs)
                with open_display() as display:
                    await self._publish_and_show(store, display, request)
                    await asyncio.gather(*(asyncio.to_thread(program.stop) for program in self._programs))
            return await compare(store, self._publisher.published)

    def _kill_programs(self) -> None:
        for program in self._programs:
            program.kill()

    async def _publish_and_show(self, store: Store, display: Display, request: StopRequest) -> None:
        """Publish and refresh the screen until the end, then drain."""
        stop_publishing = asyncio.Event()
        refreshing = asyncio.create_task(self._refresh(store, display))
        tasks = [refreshing]
        try:
            await self._create_topics()
            tasks += [publishing := asyncio.create_task(self._publish(stop_publishing))]
            tasks += [stopped := asyncio.create_task(self._wait_for_stop(request))]
            await self._start_programs(store)
            await asyncio.wait([publishing, refreshing, stopped], return_when=asyncio.FIRST_COMPLETED)
            self._state = "stopping"
            stop_publishing.set()
            if not refreshing.done():
                await publishing
                await self._drain(refreshing, request)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not refreshing.cancelled():
            refreshing.result()

    async def _create_topics(self) -> None:
        if not self._stack.creates_topics:
            for topic in TOPICS:
                await Topics(self._stack.bootstrap).create(topic, partitions=PARTITIONS, replication=1, settings={})

    async def _start_programs(self, store: Store) -> None:
        await migrate(store.engine, lambda _: None)
        settings = {
            "LIUYAN_KAFKA": self._stack.bootstrap,
            "LIUYAN_TOPICS": ",".join(TOPICS.values()),
            "LIUYAN_DATABASE_URL": self._stack.database_url,
            "LIUYAN_ERASURE_KEY": secrets.token_hex(32),
            "LIUYAN_SECRET_KEY": secrets.token_hex(32),
            "LIUYAN_CONTACT_KEY": secrets.token_hex(32),
            "LIUYAN_CONSUMER_ADDRESS": "127.0.0.1:0",
            "LIUYAN_API_ADDRESS": "127.0.0.1:0",
        }
        self._settings_file.write({**settings, SITE: self._address})
        self._programs.append(Program(["consumer", "run"], settings, self._folder))
        create_first_admin = await asyncio.to_thread(_import_create_first_admin)
        await create_first_admin(store, ACCOUNT, self._password)
        self._programs.append(Program(["api", "serve", "--port", str(self._api_port)], settings, self._folder))

    async def _publish(self, stop: asyncio.Event) -> None:
        try:
            await self._publisher.run(stop)
        except KafkaError as error:
            raise DemoError(f"Cannot publish to the broker: {error}.") from None

    async def _wait_for_stop(self, request: StopRequest) -> None:
        """Wait for a signal or the end of the publishing time."""
        seconds = self._options.seconds
        publishing = None if seconds is None else max(seconds / 2, seconds - DRAIN_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(request.stop.wait(), publishing)
        request.stop.set()

    async def _drain(self, refreshing: "asyncio.Task[None]", request: StopRequest) -> None:
        """Wait until all published comments are stored, up to a limit or a second signal."""
        deadline = time.monotonic() + MAXIMUM_DRAIN_SECONDS
        while self._lag() > 0 and not refreshing.done() and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(request.skip_drain.wait(), REFRESH_SECONDS)
                return

    async def _refresh(self, store: Store, display: Display) -> None:
        """Query the database and refresh the screen, until cancelled. Raises DemoError if a program has ended."""
        while True:
            for program in self._programs:
                program.check()
            if self._programs:
                self._figures = await read_figures(store, TOPIC)
            if self._site is None and ports.answers(self._api_port):
                self._site = self._address
            display.show(self._scene(time.monotonic()))
            await asyncio.sleep(REFRESH_SECONDS)

    def _scene(self, now: float) -> Scene:
        self._samples.add(now, self._figures.latest)
        rate = self._rate.measure(now, self._figures.stored)
        return Scene(
            stack=self._stack.title,
            state=self._current_state(),
            seconds=now - self._started_at,
            published=len(self._publisher.published),
            lag=self._lag(),
            rate=rate,
            figures=self._figures,
            samples=self._samples.newest_first(),
            site=self._site,
            password=self._password,
            settings_file=str(self._settings_file),
        )

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self._api_port}"

    def _current_state(self) -> str:
        if self._state != "starting" or not self._figures.stored:
            return self._state
        return "publisher waits" if self._publisher.waiting else "running"

    def _lag(self) -> int:
        """Return the lag up to the last record of the demo's publisher; other programs may publish too."""
        offsets = self._figures.offsets
        return sum(max(0, end - offsets.get(partition, 0)) for partition, end in self._publisher.ends.items())
