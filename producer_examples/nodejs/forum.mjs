// A forum publishes its members' posts: new posts, an edit and an erasure.
//
//     npm install --no-package-lock
//     node forum.mjs 127.0.0.1:9092 comments
//
// The key `platform:id` keeps all versions of a post in order. The idempotent producer with acks=all (-1) neither loses
// nor duplicates events. An event is the complete current post, not a difference.

import { Kafka, Partitioners, logLevel } from "kafkajs";

const PLATFORM = "forum-nodejs";
const POSTS = [
  ["post-1", "u-7", "t-cameras", "夜景模式真的惊艳，推荐 👍"],
  ["post-2", "u-9", "t-cameras", "对焦太慢了，拍孩子基本都是糊的"],
  ["post-3", "u-7", "t-parcels", "两天就到，包装完好"],
  ["post-4", "u-4", "t-parcels", "电话打不通，地址也写错了 😡"],
];

class Forum {
  constructor(producer, topic) {
    this.producer = producer;
    this.topic = topic;
  }

  /** Publish a new or edited post and wait until all replicas have it. */
  async publish(post) {
    await this.send(post.id, JSON.stringify({ platform: PLATFORM, ...post }));
  }

  /** Publish a tombstone: a record without a value erases the post and everything attached to it. */
  async erase(id) {
    await this.send(id, null);
  }

  async send(id, value) {
    const messages = [{ key: `${PLATFORM}:${id}`, value }];
    await this.producer.send({ topic: this.topic, acks: -1, messages });
  }
}

const now = () => new Date().toISOString();
const [servers, topic] = process.argv.slice(2);
const kafka = new Kafka({ brokers: servers.split(","), logLevel: logLevel.ERROR });
const producer = kafka.producer({
  idempotent: true,
  // With one request in flight, a retry keeps the order.
  maxInFlightRequests: 1,
  // The same partition for the same key as Kafka's own client for Java (murmur2).
  createPartitioner: Partitioners.DefaultPartitioner,
});
await producer.connect();
try {
  const forum = new Forum(producer, topic);
  const posts = POSTS.map(([id, author, thread, text]) => ({ id, author, thread, text, created_at: now() }));
  for (const post of posts) {
    await forum.publish(post);
  }
  await forum.publish({ ...posts[1], text: "固件更新以后对焦快多了，赞", edited_at: now() });
  await forum.erase("post-4");
} finally {
  await producer.disconnect();
}
