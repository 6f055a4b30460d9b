"""The consumers under test: real processes, each with a proxy of its own before the database.

A supervisor starts a consumer again that ended, as compose and Kubernetes do; why it ended is kept for the report.
"""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass

from sqlalchemy import make_url

from local_stack.ports import ReservedPort
from tests.faults.proxy import Proxy
from tests.harness import Installation, Process


@dataclass
class Member:
    """One consumer with its proxy; ``wanted`` says whether it is to run."""

    number: int
    proxy: Proxy
    process: Process
    wanted: bool = True


class Fleet:
    """Consumers of one group."""

    def __init__(self, installation: Installation, kafka_proxy: Proxy, database_port: int) -> None:
        self.members: list[Member] = []
        self.ended: Counter[str] = Counter()
        self._installation = installation
        self._kafka_proxy = kafka_proxy
        self._database_port = database_port
        self._ports: list[ReservedPort] = []

    async def join(self) -> Member:
        """Start one more consumer."""
        port = ReservedPort()
        self._ports.append(port)
        proxy = Proxy(port.number, self._database_port)
        await proxy.start()
        member = Member(len(self.members), proxy, self._start(proxy))
        self.members.append(member)
        return member

    def restart(self, member: Member) -> None:
        """Start a consumer again."""
        member.process = self._start(member.proxy)
        member.wanted = True

    async def supervise(self) -> None:
        """Start again whoever ended. Runs until it is cancelled."""
        while True:
            await asyncio.sleep(0.5)
            for member in self.members:
                if member.wanted and member.process.popen.poll() is not None:
                    last = member.process.output().strip().splitlines()[-1:] or ["without a word"]
                    self.ended[last[0][:160]] += 1
                    self.restart(member)

    async def leave(self, member: Member, number: signal.Signals, seconds: float = 25) -> int:
        """End a consumer by a signal; its exit status, -1 when it does not end within the time and is killed."""
        member.wanted = False
        member.process.send(number)
        try:
            return await asyncio.to_thread(member.process.wait, seconds)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"does not end by {number!r}:\n{member.process.output()[-2000:]}\n")
            member.process.kill()
            return -1

    async def close(self) -> None:
        """End everything at once."""
        for member in self.members:
            member.wanted = False
            member.process.__exit__()
            await member.proxy.stop()
        for port in self._ports:
            port.close()

    def _start(self, proxy: Proxy) -> Process:
        url = make_url(self._installation.database_url).set(port=proxy.port)
        environment = self._installation.environment(
            LIUYAN_DATABASE_URL=url.render_as_string(hide_password=False),
            LIUYAN_KAFKA=f"127.0.0.1:{self._kafka_proxy.port}",
        )
        return Process(["consumer", "run"], environment, self._installation.folder)
