// A forum publishes its members' posts: new posts, an edit and an erasure.
//
//	go run . 127.0.0.1:9092 comments
//
// The key `platform:id` keeps all versions of a post in order. The producer is idempotent and waits for all replicas by
// default, so it neither loses nor duplicates events. An event is the complete current post, not a difference.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const platform = "forum-go"

// Post is a comment event of the contract.
type Post struct {
	Platform  string     `json:"platform"`
	ID        string     `json:"id"`
	Author    string     `json:"author"`
	Thread    string     `json:"thread"`
	Text      string     `json:"text"`
	CreatedAt time.Time  `json:"created_at"`
	EditedAt  *time.Time `json:"edited_at,omitempty"`
}

// publish publishes a new or edited post and waits until all replicas have it.
func publish(client *kgo.Client, post Post) {
	value, err := json.Marshal(post)
	if err != nil {
		log.Fatal(err)
	}
	send(client, post.ID, value)
}

// erase publishes a tombstone: a record without a value erases the post and everything attached to it.
func erase(client *kgo.Client, id string) {
	send(client, id, nil)
}

func send(client *kgo.Client, id string, value []byte) {
	record := &kgo.Record{Key: []byte(platform + ":" + id), Value: value}
	if err := client.ProduceSync(context.Background(), record).FirstErr(); err != nil {
		log.Fatal(err)
	}
}

func main() {
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(os.Args[1], ",")...), kgo.DefaultProduceTopic(os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	now := time.Now().UTC()
	posts := []Post{
		{platform, "post-1", "u-7", "t-cameras", "夜景模式真的惊艳，推荐 👍", now, nil},
		{platform, "post-2", "u-9", "t-cameras", "对焦太慢了，拍孩子基本都是糊的", now, nil},
		{platform, "post-3", "u-7", "t-parcels", "两天就到，包装完好", now, nil},
		{platform, "post-4", "u-4", "t-parcels", "电话打不通，地址也写错了 😡", now, nil},
	}
	for _, post := range posts {
		publish(client, post)
	}
	edited, at := posts[1], time.Now().UTC()
	edited.Text, edited.EditedAt = "固件更新以后对焦快多了，赞", &at
	publish(client, edited)
	erase(client, "post-4")
}
