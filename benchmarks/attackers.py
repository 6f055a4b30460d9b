"""The attacking clients of `benchmarks.attacks`, limited in time, in number and to one address."""

import asyncio
import contextlib
import itertools
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

MARKS = "a" + "\u0300\u0316" * 80_000
# zxcvbn needs 1.8 s of pure Python to rate all 72 characters.
EXPENSIVE = "(47<@+103<<+4/!93118(4@<398[!14377(\\7{965(930</75%78+3/|!1$3@[%2%<322%"
BIG = 7_500 * 1024
BRACES = b'{"texts": [' + b"{}," * 2_700_000 + b"{}]}"

# A password that zxcvbn rates quickly.
ORDINARY = "several words that nobody chose"


@dataclass(frozen=True)
class Target:
    """The server to attack, and the credentials of an account."""

    port: int
    bearer: str
    session: str
    csrf: str

    @property
    def form_headers(self) -> list[str]:
        """The headers of a form without a session."""
        return [f"Cookie: {self.csrf}", *self._form]

    @property
    def own_form_headers(self) -> list[str]:
        """The headers of a form with the account's session."""
        return [f"Cookie: {self.csrf}; {self.session}", *self._form]

    @property
    def _form(self) -> list[str]:
        token = self.csrf.partition("=")[2]
        return [f"X-CSRFToken: {token}", "Content-Type: application/x-www-form-urlencoded"]


Attack = Callable[[Target, float], Awaitable[None]]
_addresses = itertools.count(1)


def main() -> None:
    """Run one attack: `python -m benchmarks.attackers NAME SECONDS`, with the target as JSON on standard input."""
    name, seconds = sys.argv[1], float(sys.argv[2])
    target = Target(**json.load(sys.stdin))
    print("attacking", flush=True)
    asyncio.run(_for_seconds(ATTACKS[name], target, seconds))


async def _for_seconds(work: Attack, target: Target, seconds: float) -> None:
    # The timeout ends attackers that wait for a response that never comes; this is not an error.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work(target, time.monotonic() + seconds)


async def _post(target: Target, path: str, headers: list[str], content: bytes) -> None:
    """Send one request with a new client address, so that no throttle applies."""
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
    number = next(_addresses)
    head = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"X-Forwarded-For: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        f"Content-Length: {len(content)}",
        "Connection: close",
        *headers,
    ]
    with contextlib.suppress(ConnectionError):
        writer.write("\r\n".join([*head, "", ""]).encode() + content)
        await writer.drain()
        await reader.read()
    writer.close()


async def _forms(target: Target, until: float, path: str, headers: list[str], **fields: str) -> None:
    while time.monotonic() < until:
        number = next(_addresses)
        form = {"name": f"attacker {number}", "password": EXPENSIVE, **fields}
        form["password_again"] = form["password"]
        content = "&".join(f"{name}={quote(value, safe='')}" for name, value in form.items())
        await _post(target, path, headers, content.encode())


async def _ordinary(target: Target, until: float) -> None:
    await _forms(target, until, "/admin/sign-up", target.form_headers, password=ORDINARY)


async def _long_name(target: Target, until: float) -> None:
    await _forms(target, until, "/admin/sign-up", target.form_headers, name=MARKS)


async def _long_password(target: Target, until: float) -> None:
    await _forms(target, until, "/admin/sign-up", target.form_headers, password=MARKS)


async def _long_current_password(target: Target, until: float) -> None:
    await _forms(target, until, "/admin/password", target.own_form_headers, current_password=MARKS)


async def _expensive_password(target: Target, until: float) -> None:
    await _forms(target, until, "/admin/sign-up", target.form_headers)


async def _predict(target: Target, until: float, content: bytes, at_once: int, *headers: str) -> None:
    async def one() -> None:
        while time.monotonic() < until:
            await _post(target, "/api/v1/predict", ["Content-Type: application/json", *headers], content)
            # One connection per second: the attack is on the server's memory, not on its bandwidth.
            await asyncio.sleep(1)

    await asyncio.gather(*(one() for _ in range(at_once)))


async def _big_bodies(target: Target, until: float) -> None:
    await _predict(target, until, b'{"texts": ["' + b"x" * BIG, 60)


async def _braces(target: Target, until: float) -> None:
    await _predict(target, until, BRACES, 2)


async def _braces_with_token(target: Target, until: float) -> None:
    await _predict(target, until, BRACES, 2, f"Authorization: Bearer {target.bearer}")


async def _hold(target: Target, until: float, count: int, content: bytes) -> None:
    """Open connections, send ``content`` and wait."""
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection("127.0.0.1", target.port)
        writer.write(content)
        writers.append(writer)
    await asyncio.sleep(max(0, until - time.monotonic()))
    for writer in writers:
        writer.close()


async def _half_bodies(target: Target, until: float) -> None:
    head = f"POST /api/v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BIG}\r\n"
    token = f"Authorization: Bearer {target.bearer}\r\n"
    half = b"\r\n" + b"x" * (BIG // 2)
    await asyncio.gather(
        _hold(target, until, 10, head.encode() + half), _hold(target, until, 10, (head + token).encode() + half)
    )


async def _half_heads(target: Target, until: float) -> None:
    await _hold(target, until, 200, b"GET / HTTP/1.1\r\nHost: local")


async def _silent(target: Target, until: float) -> None:
    await _hold(target, until, 50, b"")


ATTACKS: dict[str, Attack] = {
    "no attack: the same number of ordinary sign-ups": _ordinary,
    "a name of 160,000 marks": _long_name,
    "a password of 160,000 marks": _long_password,
    "a current password of 160,000 marks": _long_current_password,
    "a password that is expensive for zxcvbn": _expensive_password,
    "60 bodies of 7.5 MiB without credentials": _big_bodies,
    "20 half-sent bodies": _half_bodies,
    "200 half-sent heads": _half_heads,
    "50 silent connections": _silent,
    "8 MB of {}, without credentials": _braces,
    "8 MB of {}, with a token": _braces_with_token,
}


if __name__ == "__main__":
    main()
