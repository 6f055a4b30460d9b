"""A support desk publishes what its customers write, ticket by ticket, and forgets a customer who asks for it.

    python producer_examples/support_desk.py --kafka 127.0.0.1:9092 --topic comments

A message's id is `ticket/number`, its thread the ticket. Messages are handed to the producer without waiting for each,
which is quick; at the end every acknowledgement is awaited, so that none is lost without an error.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

from consumer.connection import client_settings

PLATFORM = "support-desk"
TICKETS = {
    "T-1001": ("customer-12", ["发票一直没有收到", "收到了，处理得很快，谢谢！"]),
    "T-1002": ("customer-31", ["App 每次付款都闪退", "更新以后还是闪退，太失望了"]),
    "T-1003": ("customer-58", ["退款什么时候到账？", "客服很耐心，已经解决了 🙏"]),
}
FORGOTTEN = "customer-31"


def events() -> list[tuple[bytes, dict[str, str]]]:
    """Key and value of every message, the oldest first."""
    opened = datetime.now(UTC) - timedelta(hours=1)
    return [
        (
            f"{PLATFORM}:{ticket}/{number}".encode(),
            {
                "platform": PLATFORM,
                "id": f"{ticket}/{number}",
                "text": text,
                "created_at": (opened + timedelta(minutes=10 * number)).isoformat(),
                "author": customer,
                "thread": ticket,
            },
        )
        for ticket, (customer, messages) in TICKETS.items()
        for number, text in enumerate(messages, start=1)
    ]


async def run(kafka: str, topic: str) -> None:
    """Publish all messages, then erase those of the customer who wants to be forgotten."""
    async with AIOKafkaProducer(
        **client_settings(kafka), enable_idempotence=True, acks="all", linger_ms=20, compression_type="gzip"
    ) as producer:
        waiting: list[Awaitable[Any]] = []
        for key, event in events():
            value = json.dumps(event, ensure_ascii=False).encode()
            waiting.append(await producer.send(topic, value, key=key))
        await asyncio.gather(*waiting)
        print(f"published {len(waiting)} messages of {len(TICKETS)} tickets")

        keys = [key for key, event in events() if event["author"] == FORGOTTEN]
        await asyncio.gather(*[await producer.send(topic, None, key=key) for key in keys])
        print(f"erased {len(keys)} messages of {FORGOTTEN}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Publish what a support desk's customers write.")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers, as host:port")
    parser.add_argument("--topic", default="comments", help="topic to publish to")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.kafka, arguments.topic))
