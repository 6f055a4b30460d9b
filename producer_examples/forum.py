"""A forum publishes its members' posts: new posts, an edit and an erasure.

    python forum.py --kafka 127.0.0.1:9092 --topic comments

The key `platform:id` keeps all versions of a post in order. The idempotent producer with acks=all neither loses nor
duplicates events. An event is the complete current post, not a difference.
"""

import argparse
import asyncio
import json
import os
import ssl
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer

PLATFORM = "forum"
POSTS = [
    ("post-1", "u-7", "t-cameras", "夜景模式真的惊艳，推荐 👍"),
    ("post-2", "u-9", "t-cameras", "对焦太慢了，拍孩子基本都是糊的"),
    ("post-3", "u-7", "t-parcels", "两天就到，包装完好"),
    ("post-4", "u-4", "t-parcels", "电话打不通，地址也写错了 😡"),
]


class Forum:
    """Called by the forum's own code when a post is written, edited or deleted."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self.producer = producer
        self.topic = topic

    async def publish(self, post: dict[str, str]) -> None:
        """Publish a new or edited post and wait until all replicas have it."""
        value = json.dumps({"platform": PLATFORM, **post}, ensure_ascii=False).encode()
        await self.producer.send_and_wait(self.topic, value, key=f"{PLATFORM}:{post['id']}".encode())
        print(f"published {post['id']}: {post['text']}")

    async def erase(self, post_id: str) -> None:
        """Publish a tombstone: a record without a value erases the post and everything attached to it."""
        await self.producer.send_and_wait(self.topic, None, key=f"{PLATFORM}:{post_id}".encode())
        print(f"erased {post_id}")


def now() -> str:
    """Return the current time as RFC 3339 with offset."""
    return datetime.now(UTC).isoformat()


def security() -> dict[str, Any]:
    """Return aiokafka's settings for TLS and SCRAM if KAFKA_USERNAME is set, otherwise for plaintext."""
    if "KAFKA_USERNAME" not in os.environ:
        return {}
    context = ssl.create_default_context(cafile=os.environ.get("KAFKA_CA_FILE"))
    username, password = os.environ["KAFKA_USERNAME"], os.environ["KAFKA_PASSWORD"]
    sasl = {"sasl_mechanism": "SCRAM-SHA-512", "sasl_plain_username": username, "sasl_plain_password": password}
    return {"security_protocol": "SASL_SSL", "ssl_context": context, **sasl}


async def run(kafka: str, topic: str) -> None:
    """Publish four posts, edit the second and erase the fourth."""
    fields = ("id", "author", "thread", "text")
    posts = [{**dict(zip(fields, post, strict=True)), "created_at": now()} for post in POSTS]
    async with AIOKafkaProducer(bootstrap_servers=kafka, **security(), enable_idempotence=True, acks="all") as producer:
        forum = Forum(producer, topic)
        for post in posts:
            await forum.publish(post)
        await forum.publish({**posts[1], "text": "固件更新以后对焦快多了，赞", "edited_at": now()})
        await forum.erase(posts[3]["id"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Publish a forum's posts.")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers, as host:port")
    parser.add_argument("--topic", default="comments", help="topic to publish to")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.kafka, arguments.topic))
