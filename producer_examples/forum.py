"""A forum publishes what its members write: new posts, the edit of one, and the erasure of another.

    python producer_examples/forum.py --kafka 127.0.0.1:9092 --topic comments

Three things make it right: the key `platform:id` keeps all versions of a post in order, an idempotent producer with
acks=all neither loses nor doubles an event, and an event is the whole post as it stands, never a difference.
"""

import argparse
import asyncio
import json
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer

from consumer.connection import client_settings

PLATFORM = "forum"
POSTS = [
    ("post-1", "u-7", "t-cameras", "夜景模式真的惊艳，推荐 👍"),
    ("post-2", "u-9", "t-cameras", "对焦太慢了，拍孩子基本都是糊的"),
    ("post-3", "u-7", "t-parcels", "两天就到，包装完好"),
    ("post-4", "u-4", "t-parcels", "电话打不通，地址也写错了 😡"),
]


def now() -> str:
    """This moment, as RFC 3339 with its offset."""
    return datetime.now(UTC).isoformat()


class Forum:
    """What the forum's own code calls when something is written, changed or deleted."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self.producer = producer
        self.topic = topic

    async def publish(self, post: dict[str, str]) -> None:
        """Publish a post as it stands, new or edited, and wait until every replica has it."""
        value = json.dumps({"platform": PLATFORM, **post}, ensure_ascii=False).encode()
        await self.producer.send_and_wait(self.topic, value, key=self.key(post["id"]))
        print(f"published {post['id']}: {post['text']}")

    async def erase(self, post_id: str) -> None:
        """Publish a tombstone: a record without a value erases the post and everything that hangs on it."""
        await self.producer.send_and_wait(self.topic, None, key=self.key(post_id))
        print(f"erased {post_id}")

    @staticmethod
    def key(post_id: str) -> bytes:
        """The key of all events of one post."""
        return f"{PLATFORM}:{post_id}".encode()


async def run(kafka: str, topic: str) -> None:
    """Publish four posts, edit the second and erase the fourth."""
    async with AIOKafkaProducer(**client_settings(kafka), enable_idempotence=True, acks="all") as producer:
        forum = Forum(producer, topic)
        posts = [
            {"id": post_id, "author": author, "thread": thread, "text": text, "created_at": now()}
            for post_id, author, thread, text in POSTS
        ]
        for post in posts:
            await forum.publish(post)
        await forum.publish({**posts[1], "text": "固件更新以后对焦快多了，赞", "edited_at": now()})
        await forum.erase(posts[3]["id"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Publish what a forum's members write.")
    parser.add_argument("--kafka", default="127.0.0.1:9092", help="bootstrap servers, as host:port")
    parser.add_argument("--topic", default="comments", help="topic to publish to")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.kafka, arguments.topic))
