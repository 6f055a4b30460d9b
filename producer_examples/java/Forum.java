// A forum publishes its members' posts: new posts, an edit and an erasure.
//
//     mvn -q dependency:copy-dependencies -DoutputDirectory=lib
//     java -cp "lib/*" Forum.java 127.0.0.1:9092 comments
//
// The key `platform:id` keeps all versions of a post in order. The idempotent producer with acks=all neither loses nor
// duplicates events. An event is the complete current post, not a difference.

import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public final class Forum {
    private static final String PLATFORM = "forum-java";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final List<List<String>> POSTS = List.of(
            List.of("post-1", "u-7", "t-cameras", "夜景模式真的惊艳，推荐 👍"),
            List.of("post-2", "u-9", "t-cameras", "对焦太慢了，拍孩子基本都是糊的"),
            List.of("post-3", "u-7", "t-parcels", "两天就到，包装完好"),
            List.of("post-4", "u-4", "t-parcels", "电话打不通，地址也写错了 😡"));

    private final Producer<String, String> producer;
    private final String topic;

    private Forum(Producer<String, String> producer, String topic) {
        this.producer = producer;
        this.topic = topic;
    }

    /** Publish a new or edited post and wait until all replicas have it. */
    private void publish(Map<String, String> post) throws Exception {
        send(post.get("id"), JSON.writeValueAsString(post));
    }

    /** Publish a tombstone: a record without a value erases the post and everything attached to it. */
    private void erase(String id) throws Exception {
        send(id, null);
    }

    private void send(String id, String value) throws Exception {
        producer.send(new ProducerRecord<>(topic, PLATFORM + ":" + id, value)).get();
    }

    private static Map<String, String> post(List<String> fields) {
        Map<String, String> post = new LinkedHashMap<>();
        post.put("platform", PLATFORM);
        post.put("id", fields.get(0));
        post.put("author", fields.get(1));
        post.put("thread", fields.get(2));
        post.put("text", fields.get(3));
        post.put("created_at", Instant.now().toString());
        return post;
    }

    public static void main(String[] arguments) throws Exception {
        Map<String, Object> settings = Map.of(
                "bootstrap.servers", arguments[0], "enable.idempotence", true, "acks", "all");
        var strings = new StringSerializer();
        try (var producer = new KafkaProducer<String, String>(settings, strings, strings)) {
            Forum forum = new Forum(producer, arguments[1]);
            List<Map<String, String>> posts = POSTS.stream().map(Forum::post).toList();
            for (Map<String, String> post : posts) {
                forum.publish(post);
            }
            Map<String, String> edited = posts.get(1);
            edited.put("text", "固件更新以后对焦快多了，赞");
            edited.put("edited_at", Instant.now().toString());
            forum.publish(edited);
            forum.erase("post-4");
        }
    }
}
