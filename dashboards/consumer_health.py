"""Consumer health: whether comments are stored, how quickly, and what slows it down."""

from dashboards.alerts import (
    CIRCUIT_BREAKER,
    DEAD_LETTERS,
    LAG_GROWING,
    MODELS_DIFFER,
    NO_CONSUMER,
    NOTHING_STORED,
    RECORDS_LOST,
)
from dashboards.promql import RATE, process_panels, quantiles
from dashboards.specification import Dashboard, Draw, Kind, Metric, Panel, Row, Unit
from dashboards.text import Text, same

PARTITION = same("{{topic}} {{partition}}")
CONSUMERS = '{job="liuyan-consumer"}'


AT_A_GLANCE = Row(
    Text("At a glance", "概览"),
    [
        Panel(
            Text("Consumers", "消费者"),
            Text(
                "Consumers that answer Prometheus. If fewer than you started answer, look at the logs of the others.",
                "响应 Prometheus 的消费者数。少于已启动数量时，请查看其余消费者的日志。",
            ),
            Unit.COUNT,
            [Metric(f"count(up{CONSUMERS} == 1) or vector(0)", Text("consumers", "消费者"))],
            Kind.STAT,
            width=4,
            height=4,
            alerts=[NO_CONSUMER],
        ),
        Panel(
            Text("Largest lag", "最大积压时间"),
            Text(
                "Age of the oldest record that is not stored yet. If it grows, start more consumers (up to the number "
                "of partitions) or find out below what is slow.",
                "最早的未存储记录的时间。持续增长时，请增加消费者（不超过分区数），或在下方查找瓶颈。",
            ),
            Unit.SECONDS,
            [Metric("max(liuyan:lag_seconds)", Text("lag", "积压"))],
            Kind.STAT,
            width=4,
            height=4,
            alerts=[LAG_GROWING],
        ),
        Panel(
            Text("Since the last stored batch", "距上次存储"),
            Text(
                "A large value is harmless while there is no lag. With lag, check database and Kafka: "
                "`liuyan consumer status` and /readyz name the cause.",
                "没有积压时数值大并无问题。有积压时请检查数据库和 Kafka：`liuyan consumer status` 和 /readyz "
                "会给出原因。",
            ),
            Unit.SECONDS,
            [Metric("time() - max(liuyan_consumer_last_stored_timestamp_seconds)", Text("age", "时间"))],
            Kind.STAT,
            width=4,
            height=4,
            alerts=[NOTHING_STORED],
        ),
        Panel(
            Text("Open circuit breakers", "熔断的分区"),
            Text(
                "Too many recent records of these partitions are poison. Fix the publisher, then run "
                "`liuyan consumer resume`.",
                "这些分区近期毒消息过多。请修复发布端，然后运行 `liuyan consumer resume`。",
            ),
            Unit.COUNT,
            [
                Metric(
                    "sum(max by (topic, partition) (liuyan_consumer_circuit_breaker_open)) or vector(0)",
                    Text("partitions", "分区"),
                )
            ],
            Kind.STAT,
            width=4,
            height=4,
            alerts=[CIRCUIT_BREAKER],
        ),
        Panel(
            Text("Records lost in this range", "此范围内丢失的记录"),
            Text(
                "Kafka's retention removed records before they were read. Ask the platforms to publish them again, and "
                "extend the retention.",
                "Kafka 保留策略在读取前删除了记录。请让平台重新发布，并延长保留时间。",
            ),
            Unit.COUNT,
            [
                Metric(
                    "sum(increase(liuyan_consumer_records_lost_total[$__range]))", Text("records", "记录"), instant=True
                )
            ],
            Kind.STAT,
            width=4,
            height=4,
            alerts=[RECORDS_LOST],
        ),
        Panel(
            Text("Models in use", "使用中的模型"),
            Text(
                "More than one model for longer than a few minutes means that a consumer cannot load the promoted one: "
                "look at its log.",
                "超过几分钟仍有多个模型，说明有消费者无法加载新模型：请查看其日志。",
            ),
            Unit.COUNT,
            [
                Metric(
                    'max(count by (group) (count by (group, model) (liuyan_model_info{group!=""})))',
                    Text("models", "模型"),
                )
            ],
            Kind.STAT,
            width=4,
            height=4,
            alerts=[MODELS_DIFFER],
        ),
    ],
)
PROGRESS = Row(
    Text("Progress", "进度"),
    [
        Panel(
            Text("Lag in seconds by partition", "各分区积压时间"),
            Text(
                "One partition that lags alone is paused or has an unreadable record: see `liuyan consumer status`. If "
                "all of them lag, the consumers are too slow.",
                "只有一个分区积压时，它已暂停或含有无法读取的记录，请运行 `liuyan consumer status`。"
                "所有分区都积压说明消费速度不足。",
            ),
            Unit.SECONDS,
            [Metric("liuyan:lag_seconds", PARTITION)],
            minimum=0,
            alerts=[LAG_GROWING],
        ),
        Panel(
            Text("Lag in records by partition", "各分区积压记录数"),
            Text(
                "Records that are not stored yet. Compare it with the records per second: their quotient is the time "
                "to catch up.",
                "尚未存储的记录数。除以每秒处理的记录数即为追赶所需时间。",
            ),
            Unit.COUNT,
            [Metric("max by (topic, partition) (liuyan_consumer_lag)", PARTITION)],
            minimum=0,
        ),
        Panel(
            Text("From publishing to commit", "发布到提交的延迟"),
            Text(
                "How long a record takes from its timestamp to the commit in MySQL. Look at the stages below if it "
                "rises without lag.",
                "记录从时间戳到在 MySQL 提交的时间。没有积压但延迟上升时，请查看下方各阶段耗时。",
            ),
            Unit.SECONDS,
            quantiles("liuyan_consumer_publish_to_commit_seconds"),
            minimum=0,
        ),
        Panel(
            Text("Records per second", "每秒记录数"),
            Text(
                "Stored records by effect. Many `same` records are redeliveries; many `dead` records break the "
                "contract.",
                "已存储的记录，按结果。same 较多说明重复投递，dead 较多说明违反契约。",
            ),
            Unit.PER_SECOND,
            [Metric(f"sum by (outcome) (rate(liuyan_consumer_events_total[{RATE}])) > 0", same("{{outcome}}"))],
            draw=Draw.STACKED,
            minimum=0,
        ),
        Panel(
            Text("Bytes per second", "每秒字节数"),
            Text(
                "Uncompressed bytes read from Kafka, by topic. A jump without more records means larger comments.",
                "从 Kafka 读取的字节数（解压后），按主题。字节数突增而记录数不变，说明评论变长。",
            ),
            Unit.BYTES_PER_SECOND,
            [Metric(f"sum by (topic) (rate(liuyan_consumer_record_bytes_total[{RATE}]))", same("{{topic}}"))],
            minimum=0,
        ),
        Panel(
            Text("Backpressure and paused partitions", "背压与已暂停分区"),
            Text(
                "Backpressure: batches wait for the database. Paused partitions wait for a person: "
                "`liuyan consumer status` shows why.",
                "背压：批次在等待数据库。已暂停分区需要人工处理：`liuyan consumer status` 会显示原因。",
            ),
            Unit.COUNT,
            [
                Metric("sum(liuyan_consumer_backpressure)", Text("consumers with backpressure", "有背压的消费者")),
                Metric(
                    "sum(max by (topic, partition) (liuyan_consumer_partition_paused))",
                    Text("paused partitions", "已暂停分区"),
                ),
            ],
            minimum=0,
        ),
    ],
)
REJECTED = Row(
    Text("Dead letters", "死信"),
    [
        Panel(
            Text("Share of dead letters", "死信占比"),
            Text(
                "A rise after a deployment of a platform means that its events break the contract: "
                "`liuyan consumer dead-letters list`.",
                "平台部署后上升，说明其事件违反契约：运行 `liuyan consumer dead-letters list`。",
            ),
            Unit.SHARE,
            [
                Metric(
                    f"sum(rate(liuyan_consumer_dead_letters_total[{RATE}])) "
                    f"/ sum(rate(liuyan_consumer_records_total[{RATE}]))",
                    Text("dead letters", "死信"),
                )
            ],
            minimum=0,
            alerts=[DEAD_LETTERS],
        ),
        Panel(
            Text("Dead letters by reason", "各原因的死信"),
            Text(
                "New dead letters per reason. Fix the cause, then `liuyan consumer dead-letters requeue --reason "
                "REASON`.",
                "新增死信数，按原因。修复原因后运行 `liuyan consumer dead-letters requeue --reason REASON`。",
            ),
            Unit.COUNT,
            [Metric(f"sum by (reason) (increase(liuyan_consumer_dead_letters_total[{RATE}])) > 0", same("{{reason}}"))],
            draw=Draw.BARS,
            minimum=0,
            empty=Text("No dead letters", "没有死信"),
        ),
        Panel(
            Text("Stored dead letters", "已存储的死信"),
            Text(
                "Open dead letters wait for a decision: requeue or discard them in the admin app.",
                "未处理的死信等待决定：请在管理后台重新发布或搁置。",
            ),
            Unit.COUNT,
            [
                Metric("max by (state) (liuyan_consumer_stored_dead_letters)", same("{{state}}")),
                Metric(
                    f"sum(increase(liuyan_consumer_outbox_messages_total[{RATE}]))",
                    Text("outbox messages handled", "已处理的发件箱消息"),
                ),
            ],
            minimum=0,
        ),
    ],
)
SPEED = Row(
    Text("Speed", "速度"),
    [
        Panel(
            Text("Duration of the stages (95th percentile)", "各阶段耗时（95 分位）"),
            Text(
                "If `write` dominates, look at MySQL; if `label` does, start more consumers.",
                "write 占主导时请检查 MySQL；label 占主导时请增加消费者。",
            ),
            Unit.SECONDS,
            [
                Metric(
                    "histogram_quantile(0.95, sum by (le, stage) "
                    f"(rate(liuyan_consumer_stage_duration_seconds_bucket[{RATE}])))",
                    same("{{stage}}"),
                )
            ],
            minimum=0,
        ),
        Panel(
            Text("Records per batch", "每批记录数"),
            Text(
                "Batches grow under load. Permanently tiny batches under lag mean that the limits of a batch are too "
                "low.",
                "负载高时批次会变大。有积压但批次始终很小，说明批次上限过低。",
            ),
            Unit.COUNT,
            [
                Metric(
                    f"sum(rate(liuyan_consumer_batch_records_sum[{RATE}])) "
                    f"/ sum(rate(liuyan_consumer_batch_records_count[{RATE}]))",
                    Text("mean", "平均值"),
                )
            ],
            minimum=0,
        ),
        Panel(
            Text("Tokens per second", "每秒词数"),
            Text(
                "Words that the network reads: its work. Comments with a cached prediction do not count.",
                "模型处理的词数，即其计算量。命中缓存的评论不计。",
            ),
            Unit.PER_SECOND,
            [Metric(f"sum(rate(liuyan_consumer_tokens_total[{RATE}]))", Text("tokens", "词数"))],
            minimum=0,
        ),
        Panel(
            Text("Transactions per second", "每秒事务数"),
            Text(
                "`transient` is a busy or unavailable database, `fenced` a rebalance; `refused` records become dead "
                "letters.",
                "transient 说明数据库繁忙或不可用，fenced 说明发生了再均衡，refused 的记录会成为死信。",
            ),
            Unit.PER_SECOND,
            [Metric(f"sum by (outcome) (rate(liuyan_consumer_transactions_total[{RATE}])) > 0", same("{{outcome}}"))],
            draw=Draw.STACKED,
            minimum=0,
        ),
        Panel(
            Text("Retries, resets and rebalances", "重试、重置与再均衡"),
            Text(
                "A few after a restart are normal. A steady rate means an unstable database, network or consumer.",
                "重启后少量出现属正常。持续出现说明数据库、网络或消费者不稳定。",
            ),
            Unit.COUNT,
            [
                Metric(f"sum(increase(liuyan_consumer_write_retries_total[{RATE}]))", Text("retries", "重试")),
                Metric(
                    f"sum by (cause) (increase(liuyan_consumer_resets_total[{RATE}]))",
                    Text("reset: {{cause}}", "重置：{{cause}}"),
                ),
                Metric(f"sum(increase(liuyan_consumer_rebalances_total[{RATE}]))", Text("rebalances", "再均衡")),
            ],
            minimum=0,
        ),
        Panel(
            Text("Prediction cache", "预测缓存"),
            Text(
                "Share of texts whose prediction is cached. A sudden rise means that many identical comments arrive.",
                "命中预测缓存的文本占比。突然上升说明出现大量相同评论。",
            ),
            Unit.SHARE,
            [
                Metric(
                    f"sum by (job) (rate(liuyan_prediction_cache_hits_total[{RATE}])) "
                    f"/ (sum by (job) (rate(liuyan_prediction_cache_hits_total[{RATE}])) "
                    f"+ sum by (job) (rate(liuyan_prediction_cache_misses_total[{RATE}])))",
                    same("{{job}}"),
                )
            ],
            minimum=0,
            maximum=1,
        ),
    ],
)
PROCESSES = Row(Text("Processes", "进程"), process_panels("liuyan-consumer"))
CONSUMER_HEALTH = Dashboard(
    "consumer-health",
    Text("Consumer health", "消费者健康"),
    Text("Whether comments are stored, how quickly, and what slows it down.", "评论是否及时存储，以及瓶颈所在。"),
    [AT_A_GLANCE, PROGRESS, REJECTED, SPEED, PROCESSES],
    since="now-6h",
)
