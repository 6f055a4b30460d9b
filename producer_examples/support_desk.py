"""A support desk publishes its customers' messages and erases those of a customer who asks for it.

    python support_desk.py --kafka 127.0.0.1:9092 --topic comments

A message's id is `ticket/number` and its thread is the ticket. The program sends messages without waiting for each one,
which is faster, and awaits all acknowledgements at the end, so that a lost message raises an error.
"""

import argparse
import asyncio
import json
import os
import ssl
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import AIOKafkaProducer

PLATFORM = "support-desk"
TICKETS = {
    "T-1001": ("customer-12", ["发票一直没有收到", "收到了，处理得很快，谢谢！"]),
    "T-1002": ("customer-31", ["App 每次付款都闪退", "更新以后还是闪退，太失望了"]),
    "T-1003": ("customer-58", ["退款什么时候到账？", "客服很耐心，已经解决了 🙏"]),
}
ERASED_CUSTOMER = "customer-31"


def events() -> list[tuple[bytes, dict[str, str]]]:
    """Return key and event of every message."""
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


def security() -> dict[str, Any]:
    """Return aiokafka's settings for TLS and SCRAM if KAFKA_USERNAME is set, otherwise for plaintext."""
    if "KAFKA_USERNAME" not in os.environ:
        return {}
    context = ssl.create_default_context(cafile=os.environ.get("KAFKA_CA_FILE"))
    username, password = os.environ["KAFKA_USERNAME"], os.environ["KAFKA_PASSWORD"]
    sasl = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": username, "sasl_plain_password": password}
    return {"security_protocol": "SASL_SSL", "ssl_context": context, **sasl}


async def run(kafka: str, topic: str) -> None:
    """Publish all messages, then erase those of one customer."""
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, **security(), enable_idempotence=True, acks="all", compression_type="gzip"
    ) as producer:
        values = [(key, json.dumps(event, ensure_ascii=False).encode()) for key, event in events()]
        await asyncio.gather(*[await producer.send(topic, value, key=key) for key, value in values])
        print(f"published {len(values)} messages of {len(TICKETS)} tickets")

        keys = [key for key, event in events() if event["author"] == ERASED_CUSTOMER]
        await asyncio.gather(*[await producer.send(topic, None, key=key) for key in keys])
        print(f"erased {len(keys)} messages of {ERASED_CUSTOMER}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Publish a support desk's messages.")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers, as host:port")
    parser.add_argument("--topic", default="comments", help="topic to publish to")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.kafka, arguments.topic))
