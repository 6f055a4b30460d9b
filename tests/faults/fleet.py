"""The consumers under test: real processes, each with its own proxy to the database.

A supervisor restarts consumers that have exited, as Compose and Kubernetes do, and records why they exited.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url

from local_stack.ports import ReservedPort
from tests.faults.clock import Clock
from tests.faults.proxy import Proxy
from tests.harness import Installation, Process


@dataclass
class Member:
    """A consumer, its proxy and its cache folder; the supervisor keeps it running while ``supervised``.

    ``clock`` is its wall clock, None if that cannot be set. A fault has it to itself while it is ``borrowed``.
    """

    number: int
    proxy: Proxy
    cache: Path
    clock: Clock | None
    process: Process
    supervised: bool = True
    borrowed: bool = False

    def block_cache(self) -> None:
        """Remove the cached models and prevent downloads."""
        shutil.rmtree(self.cache, ignore_errors=True)
        self.cache.write_text("not a folder")

    def unblock_cache(self) -> None:
        """Allow downloads again."""
        self.cache.unlink(missing_ok=True)


class Fleet:
    """The consumers of one group, which connect to the brokers ``kafka``. With ``clocks``, faults can set theirs."""

    def __init__(self, installation: Installation, kafka: str, database_port: int, *, clocks: bool = False) -> None:
        self.members: list[Member] = []
        self.exited: Counter[str] = Counter()
        self._installation = installation
        self._kafka = kafka
        self._clocks = clocks
        self._database_port = database_port
        self._ports: list[ReservedPort] = []

    async def join(self) -> Member:
        """Start one more consumer."""
        port = ReservedPort()
        self._ports.append(port)
        proxy = Proxy(port.number, self._database_port)
        await proxy.start()
        number = len(self.members)
        cache = self._installation.folder / f"cache-{number}"
        clock = Clock(self._installation.folder, str(number)) if self._clocks else None
        member = Member(number, proxy, cache, clock, self._start(proxy, cache, clock))
        self.members.append(member)
        return member

    def restart(self, member: Member) -> None:
        """Restart a consumer."""
        member.process = self._start(member.proxy, member.cache, member.clock)
        member.supervised = True

    async def supervise(self) -> None:
        """Restart consumers that have exited. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(0.5)
            for member in self.members:
                if member.supervised and member.process.popen.poll() is not None:
                    last = member.process.output().strip().splitlines()[-1:] or ["no output"]
                    self.exited[last[0][:160]] += 1
                    self.restart(member)

    async def leave(self, member: Member, number: signal.Signals, seconds: float = 25) -> int:
        """Stop a consumer with a signal and return its exit status, or -1 if it has to be killed after ``seconds``."""
        member.supervised = False
        member.process.send(number)
        try:
            return await asyncio.to_thread(member.process.wait, seconds)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"does not exit on {number!r}:\n{member.process.output()[-2000:]}\n")
            member.process.kill()
            return -1

    async def close(self) -> None:
        """Stop all consumers and proxies."""
        for member in self.members:
            member.supervised = False
            member.process.__exit__()
            await member.proxy.stop()
        for port in self._ports:
            port.close()

    def _start(self, proxy: Proxy, cache: Path, clock: Clock | None) -> Process:
        url = make_url(self._installation.database_url).set(port=proxy.port)
        environment = self._installation.environment(
            LIUYAN_DATABASE_URL=url.render_as_string(hide_password=False),
            LIUYAN_KAFKA=self._kafka,
            LIUYAN_CACHE_DIR=str(cache),
            **({} if clock is None else clock.environment()),
        )
        return Process(["consumer", "run"], environment, self._installation.folder)
