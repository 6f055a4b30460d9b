"""The demo from start to end: start everything, publish, show, stop, compare."""

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
from liuyan.demo.figures import Figures, Verdict, compare, read_figures
from liuyan.demo.programs import Program
from liuyan.demo.publisher import Publisher
from liuyan.demo.scene import Rate, Samples, Scene
from liuyan.demo.stack import Stack, StackName, started_stack
from local_stack import ports
from local_stack.ports import ReservedPort
from store.migrate import migrate
from store.store import Store

TOPIC = "comments"
ACCOUNT = "demo"
PARTITIONS = 4
LOOK_SECONDS = 0.25
# Of the time given, so much is kept for what was published to be labelled and stored.
DRAIN_SECONDS = 2.0
DRAIN_AT_MOST_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: ``seconds`` None goes on until Ctrl-C; ``rate`` is in comments a second."""

    stack: StackName
    seconds: float | None
    rate: float
    seed: int


def run_demo(options: Options, began: float) -> Verdict:
    """Run the demo and return how what was published compares with what was stored.

    ``began`` is when the command was given, by the monotonic clock. Raises LocalStackError when a server cannot be had,
    DemoError when a part of the demo ends by itself.
    """
    with TemporaryDirectory(prefix="liuyan-demo-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with started_stack(options.stack, folder) as stack, ReservedPort() as api_port:
            return asyncio.run(Demo(options, stack, folder, api_port.number, began).run())


def _import_create_first_admin() -> Callable[[Store, str, str], Awaitable[str]]:
    """Imported late and in a thread: it brings the web framework along, while comments are published already."""
    from api.identity.first_admin import create_first_admin

    return create_first_admin


@dataclass(slots=True)
class Ending:
    """The first signal asks to stop and drain, the second one not to wait for the drain."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def ask(self) -> None:
        """Take one signal."""
        (self.hurry if self.stop.is_set() else self.stop).set()


class Demo:
    """Everything that runs at once: two programs, the publisher, and the loop that looks and shows."""

    def __init__(self, options: Options, stack: Stack, folder: Path, api_port: int, began: float) -> None:
        self._options = options
        self._stack = stack
        self._folder = folder
        self._api_port = api_port
        self._began = began
        self._state = "starting"
        self._figures = Figures()
        self._rate = Rate()
        self._samples = Samples(options.seed)
        self._site: str | None = None
        self._password = secrets.token_hex(8)
        self._programs: list[Program] = []
        feed = events(options.seed, datetime.now(UTC))
        self._publisher = Publisher(stack.bootstrap, TOPIC, feed, options.rate, self._lag)

    async def run(self) -> Verdict:
        """Run until the time is over or a signal comes."""
        ending = Ending()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, ending.ask)
        async with Store.open(self._stack.database_url) as store:
            with ExitStack() as at_end:
                at_end.callback(self._kill_programs)
                with open_display() as display:
                    await self._show_work(store, display, ending)
                    await asyncio.gather(*(asyncio.to_thread(program.stop) for program in self._programs))
            return await compare(store, self._publisher.published)

    def _kill_programs(self) -> None:
        for program in self._programs:
            program.kill()

    async def _show_work(self, store: Store, display: Display, ending: Ending) -> None:
        """Publish and show until the end; on return everything is stored, or the wait for that is over."""
        stop_publishing = asyncio.Event()
        following = asyncio.create_task(self._follow(store, display))
        tasks = [following]
        try:
            await self._make_topic()
            tasks += [publishing := asyncio.create_task(self._publish(stop_publishing))]
            tasks += [stopped := asyncio.create_task(self._until_over(ending))]
            await self._start_programs(store)
            await asyncio.wait([publishing, following, stopped], return_when=asyncio.FIRST_COMPLETED)
            self._state = "stopping"
            stop_publishing.set()
            if not following.done():
                await publishing
                await self._drain(following, ending)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not following.cancelled():
            following.result()

    async def _make_topic(self) -> None:
        if not self._stack.creates_topics:
            await Topics(self._stack.bootstrap).create(TOPIC, partitions=PARTITIONS, replication=1, settings={})

    async def _start_programs(self, store: Store) -> None:
        await migrate(store.engine, lambda _: None)
        settings = {
            "LIUYAN_KAFKA": self._stack.bootstrap,
            "LIUYAN_TOPICS": TOPIC,
            "LIUYAN_DATABASE_URL": self._stack.database_url,
            "LIUYAN_ERASURE_KEY": secrets.token_hex(32),
            "LIUYAN_SECRET_KEY": secrets.token_hex(32),
            "LIUYAN_CONTACT_KEY": secrets.token_hex(32),
            "LIUYAN_CONSUMER_ADDRESS": "127.0.0.1:0",
            "LIUYAN_API_ADDRESS": "127.0.0.1:0",
        }
        self._programs.append(Program(["consumer", "run"], settings, self._folder))
        make_admin = await asyncio.to_thread(_import_create_first_admin)
        await make_admin(store, ACCOUNT, self._password)
        self._programs.append(Program(["api", "serve", "--port", str(self._api_port)], settings, self._folder))

    async def _publish(self, stop: asyncio.Event) -> None:
        try:
            await self._publisher.run(stop)
        except KafkaError as error:
            raise DemoError(f"The broker does not take what is published: {error}.") from None

    async def _until_over(self, ending: Ending) -> None:
        """Wait for a signal, or for the time to publish to be over."""
        seconds = self._options.seconds
        publishing = None if seconds is None else max(seconds / 2, seconds - DRAIN_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ending.stop.wait(), publishing)
        ending.stop.set()

    async def _drain(self, following: "asyncio.Task[None]", ending: Ending) -> None:
        """Wait until all that was published is stored; not for ever, and not after a second signal."""
        deadline = time.monotonic() + DRAIN_AT_MOST_SECONDS
        while self._lag() > 0 and not following.done() and time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ending.hurry.wait(), LOOK_SECONDS)
                return

    async def _follow(self, store: Store, display: Display) -> None:
        """Look at the database and show what is there, until cancelled. Raises DemoError when a program has ended."""
        while True:
            for program in self._programs:
                program.check()
            if self._programs:
                self._figures = await read_figures(store)
            if self._site is None and ports.answers(self._api_port):
                self._site = f"http://127.0.0.1:{self._api_port}"
            display.show(self._scene(time.monotonic()))
            await asyncio.sleep(LOOK_SECONDS)

    def _scene(self, now: float) -> Scene:
        self._samples.add(now, self._figures.latest)
        rate = self._rate.measure(now, self._figures.stored)
        return Scene(
            stack=self._stack.title,
            state=self._tell_state(),
            seconds=now - self._began,
            published=len(self._publisher.published),
            lag=self._lag(),
            rate=rate,
            figures=self._figures,
            samples=self._samples.newest_first(),
            site=self._site,
            password=self._password,
        )

    def _tell_state(self) -> str:
        if self._state != "starting" or not self._figures.stored:
            return self._state
        return "publisher waits" if self._publisher.waiting else "running"

    def _lag(self) -> int:
        """Records up to the last one of ours that are not stored yet; others may publish to the topic as well."""
        stands = self._figures.positions
        return sum(max(0, end - stands.get(partition, 0)) for partition, end in self._publisher.ends.items())
