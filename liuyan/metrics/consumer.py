"""Metrics of the consumer."""

from liuyan.metrics.metric import Kind, Metric

PARTITION = ("topic", "partition")
STAGE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
# Fine steps between 50 ms and 1 s, where the 99th percentile of a healthy consumer lies.
LATENCY_SECONDS = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2.5, 5, 10),
    *(30, 60, 300, 1800, 3600),
)

CONSUMER = (
    Metric(
        "liuyan_consumer_records_total",
        Kind.COUNTER,
        "records",
        "Records polled from Kafka.",
        "从 Kafka 拉取的记录数。",
        labels=("topic",),
    ),
    Metric(
        "liuyan_consumer_record_bytes_total",
        Kind.COUNTER,
        "bytes",
        "Keys and values of the records polled from Kafka, uncompressed.",
        "从 Kafka 拉取的记录的键和值的字节数（解压后）。",
        labels=("topic",),
    ),
    Metric(
        "liuyan_consumer_polls_total",
        Kind.COUNTER,
        "polls",
        "Polls of Kafka, including empty ones. Polling continues while the database is unavailable.",
        "对 Kafka 的拉取次数，含空拉取；数据库不可用时拉取仍会继续。",
    ),
    Metric(
        "liuyan_consumer_backpressure",
        Kind.GAUGE,
        "1",
        "1 while fetching is paused because earlier batches wait for the database.",
        "因先前批次等待数据库而暂停拉取时为 1。",
    ),
    Metric(
        "liuyan_consumer_events_total",
        Kind.COUNTER,
        "records",
        "Stored records by effect: new, edited, touched (only author, thread or times changed), same (redelivered), "
        "late (older than the stored version), erased (tombstone), erased_before (older than a tombstone), "
        "purged_before (older than the retention horizon), dead.",
        "已存储的记录数，按结果：new 新增、edited 编辑、touched 仅作者、主题或时间变化、same 重复投递、"
        "late 早于已存版本、erased 墓碑消息、erased_before 早于墓碑消息、"
        "purged_before 早于保留期限、dead 死信。",
        labels=("outcome",),
    ),
    Metric(
        "liuyan_consumer_dead_letters_total",
        Kind.COUNTER,
        "records",
        "Records stored as dead letters, by reason.",
        "存为死信的记录数，按原因。",
        labels=("reason",),
    ),
    Metric(
        "liuyan_consumer_stored_dead_letters",
        Kind.GAUGE,
        "dead letters",
        "Dead letters of all consumer groups in the database, by state: open, requeued, resolved, discarded. Every "
        "consumer exports the same numbers. Absent while the database does not answer.",
        "数据库中所有消费者组的死信数，按状态：open 未处理、requeued 已重新发布、resolved 已解决、discarded 已搁置。"
        "每个消费者导出的数值相同；数据库无响应时不导出。",
        labels=("state",),
    ),
    Metric(
        "liuyan_consumer_outbox_messages_total",
        Kind.COUNTER,
        "messages",
        "Outbox messages that this consumer handled: published, or refused permanently by Kafka.",
        "此消费者处理的发件箱消息数：published 已发布、refused 被 Kafka 拒绝。",
        labels=("outcome",),
    ),
    Metric(
        "liuyan_consumer_batch_records",
        Kind.HISTOGRAM,
        "records",
        "Records of each stored batch.",
        "每个已存储批次的记录数。",
        buckets=(1, 8, 32, 64, 128, 256, 512, 1024, 4096),
    ),
    Metric(
        "liuyan_consumer_tokens_total",
        Kind.COUNTER,
        "tokens",
        "Tokens of labelled texts, without texts whose prediction was cached.",
        "已标注文本的词数，不含命中缓存的文本。",
    ),
    Metric(
        "liuyan_consumer_stage_duration_seconds",
        Kind.HISTOGRAM,
        "seconds",
        "Duration of a stage: prepare (one poll), label or write (one batch).",
        "每个阶段的耗时：prepare（一次拉取）、label 或 write（一个批次）。",
        labels=("stage",),
        buckets=STAGE_SECONDS,
    ),
    Metric(
        "liuyan_consumer_publish_to_commit_seconds",
        Kind.HISTOGRAM,
        "seconds",
        "Time from a record's timestamp to the commit of its batch in the database.",
        "从记录的时间戳到所在批次在数据库提交的时间。",
        buckets=LATENCY_SECONDS,
    ),
    Metric(
        "liuyan_consumer_transactions_total",
        Kind.COUNTER,
        "transactions",
        "Transactions that write a batch, by outcome: stored, fenced (another consumer advanced the partition), "
        "commit_unknown (the answer to COMMIT was lost), transient (rolled back after a transient error), refused "
        "(rolled back after a permanent error).",
        "写入批次的事务数，按结果：stored 已存储、fenced 被隔离（其他消费者已推进分区）、commit_unknown 提交结果未知、"
        "transient 因暂时性错误回滚、refused 因永久性错误回滚。",
        labels=("outcome",),
    ),
    Metric(
        "liuyan_consumer_write_retries_total",
        Kind.COUNTER,
        "retries",
        "Writes retried after a transient error.",
        "因暂时性错误重试写入的次数。",
    ),
    Metric(
        "liuyan_consumer_resets_total",
        Kind.COUNTER,
        "resets",
        "Times that open batches were dropped and the stored offsets were read again, by cause.",
        "丢弃未完成批次并重新读取已存位移的次数，按原因。",
        labels=("cause",),
    ),
    Metric(
        "liuyan_consumer_stored_offset",
        Kind.GAUGE,
        "offset",
        "The stored offset: the next one to read.",
        "已存位移：下一个要读取的位移。",
        labels=PARTITION,
    ),
    Metric(
        "liuyan_consumer_lag",
        Kind.GAUGE,
        "records",
        "Records of an assigned partition that are not stored yet. Absent while Kafka does not answer.",
        "已分配分区中尚未存储的记录数；Kafka 无响应时不导出。",
        labels=PARTITION,
    ),
    Metric(
        "liuyan_consumer_lag_seconds",
        Kind.GAUGE,
        "seconds",
        "Age of the oldest record of an assigned partition that is not stored yet, by its timestamp. If it has not "
        "been fetched either, the time since this consumer first saw it. Absent while Kafka does not answer.",
        "已分配分区中最早的未存储记录的时间（按记录时间戳）；若尚未拉取，则为此消费者发现它以来的时间。"
        "Kafka 无响应时不导出。",
        labels=PARTITION,
    ),
    Metric(
        "liuyan_consumer_partition_paused",
        Kind.GAUGE,
        "1",
        "1 while an assigned partition is paused by its row.",
        "已分配分区被暂停时为 1。",
        labels=PARTITION,
    ),
    Metric(
        "liuyan_consumer_circuit_breaker_open",
        Kind.GAUGE,
        "1",
        "1 while an assigned partition is paused because too many of its recent records were poison.",
        "已分配分区因毒消息过多被熔断时为 1。",
        labels=PARTITION,
    ),
    Metric(
        "liuyan_consumer_assigned_partitions",
        Kind.GAUGE,
        "partitions",
        "Partitions assigned to this consumer.",
        "分配给此消费者的分区数。",
    ),
    Metric(
        "liuyan_consumer_rebalances_total",
        Kind.COUNTER,
        "rebalances",
        "Assignments received from the group.",
        "收到的分区分配次数。",
    ),
    Metric(
        "liuyan_consumer_records_lost_total",
        Kind.COUNTER,
        "records",
        "Records that retention removed before they were read.",
        "在读取前被保留策略删除的记录数。",
    ),
    Metric(
        "liuyan_consumer_last_stored_timestamp_seconds",
        Kind.GAUGE,
        "seconds",
        "When a batch was last stored (until the first one: when the consumer started), in seconds since 1970.",
        "最近一次存储批次的时间（首个批次之前为消费者启动时间），自 1970 年起的秒数。",
    ),
    Metric(
        "liuyan_consumer_predictions_total",
        Kind.COUNTER,
        "comment events",
        "Comment events of stored batches by platform, model and label, including redelivered ones. Platforms beyond "
        "LIUYAN_METRICS_PLATFORMS are counted as `other`.",
        "已存储批次中的评论事件数，按平台、模型和标签，含重复投递。超出 LIUYAN_METRICS_PLATFORMS 的平台计为 other。",
        labels=("platform", "model", "label"),
    ),
    Metric(
        "liuyan_consumer_missing_predictions_labelled_total",
        Kind.COUNTER,
        "comments",
        "Comments stored by another model that this consumer labelled with the active one.",
        "由其他模型入库、再由此消费者用已启用的模型补标的评论数。",
    ),
    Metric(
        "liuyan_consumer_uncertain_predictions_total",
        Kind.COUNTER,
        "comment events",
        "Those of liuyan_consumer_predictions_total whose prediction is uncertain.",
        "liuyan_consumer_predictions_total 中预测不确定的数量。",
        labels=("platform", "model"),
    ),
    Metric(
        "liuyan_consumer_prediction_probability_ratio",
        Kind.HISTOGRAM,
        "ratio",
        "Probability of positive of the comment events in liuyan_consumer_predictions_total.",
        "liuyan_consumer_predictions_total 中评论事件的正面概率。",
        labels=("platform", "model"),
        buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
    ),
)
