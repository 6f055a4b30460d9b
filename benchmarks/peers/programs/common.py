"""What every peer needs: its configuration, parsing of events, and the rows of its table."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

BATCH_RECORDS = 512
CREATE_TABLE = """CREATE TABLE comments (
    platform VARCHAR(32) NOT NULL, id VARCHAR(128) NOT NULL, text TEXT NOT NULL, created_at DATETIME(6) NOT NULL,
    label VARCHAR(8) NOT NULL, probability DOUBLE NOT NULL, PRIMARY KEY (platform, id)
) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"""
# PyMySQL and aiomysql send this as one statement for all rows. An event that is delivered twice changes nothing.
UPSERT = """INSERT INTO comments (platform, id, text, created_at, label, probability)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON DUPLICATE KEY UPDATE text = VALUES(text), created_at = VALUES(created_at), label = VALUES(label),
    probability = VALUES(probability)"""

Row = tuple[str, str, str, datetime, str, float]


@dataclass(frozen=True)
class Configuration:
    """The servers and the exported model. ``database`` holds connection arguments of PyMySQL and aiomysql."""

    kafka: str
    topic: str
    database: dict[str, Any]
    model: Path
    engine: str
    batch_seconds: float

    @property
    def group(self) -> str:
        """The consumer group."""
        return f"peer-{self.topic}"


def configuration() -> Configuration:
    """Read the configuration from the environment."""
    return Configuration(
        os.environ["PEER_KAFKA"],
        os.environ["PEER_TOPIC"],
        json.loads(os.environ["PEER_DATABASE"]),
        Path(os.environ["PEER_MODEL"]),
        os.environ["PEER_ENGINE"],
        float(os.environ["PEER_BATCH_SECONDS"]),
    )


def rows(events: Iterable[dict[str, Any]], probabilities: Sequence[float]) -> list[Row]:
    """Return rows for ``UPSERT``."""
    return [
        (
            event["platform"],
            event["id"],
            event["text"],
            datetime.fromisoformat(event["created_at"]),
            "positive" if probability >= 0.5 else "negative",
            probability,
        )
        for event, probability in zip(events, probabilities, strict=True)
    ]
