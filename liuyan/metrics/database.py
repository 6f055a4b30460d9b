"""Metrics that each API process reads from the database in the background.

All API processes export the same values, so aggregate them with ``max by``, not ``sum``. They are absent while the
database does not answer.
"""

from liuyan.metrics.metric import Kind, Metric

DATABASE = (
    Metric(
        "liuyan_review_queue_comments",
        Kind.GAUGE,
        "comments",
        "Comments that wait for a review, by queue: uncertain (comments without a review that the active model finds "
        "uncertain), audit (undecided comments of the audit sample), disputed. At most 100,000 are counted per queue "
        "except uncertain.",
        "等待审核的评论数，按队列：uncertain 已启用模型不确定且未审核、audit 未判定的抽查样本、disputed 有分歧。"
        "除 uncertain 外，每个队列最多计 100,000 条。",
        labels=("queue",),
    ),
    Metric(
        "liuyan_review_queue_oldest_age_seconds",
        Kind.GAUGE,
        "seconds",
        "How long the oldest comment of a queue has waited: uncertain since the hour in which it was written, audit "
        "since it was stored, disputed since the review that disagrees. 0 if the queue is empty.",
        "队列中最早评论的等待时间：uncertain 自发表的小时起、audit 自存储起、disputed 自产生分歧的审核起；"
        "队列为空时为 0。",
        labels=("queue",),
    ),
    Metric(
        "liuyan_reviews",
        Kind.GAUGE,
        "reviews",
        "Reviews of the labels of each model, without withdrawn ones. `none` means that no model had labelled the "
        "comment.",
        "对各模型标签的审核数（不含已撤销）；none 表示评论当时没有模型标签。",
        labels=("model",),
    ),
    Metric(
        "liuyan_corrections",
        Kind.GAUGE,
        "reviews",
        "Those of liuyan_reviews that differ from the model's label.",
        "liuyan_reviews 中与模型标签不同的审核数。",
        labels=("model",),
    ),
    Metric(
        "liuyan_audit_sample_comments",
        Kind.GAUGE,
        "comments",
        "Comments of the audit sample that were decided as positive or negative and have a prediction of the model.",
        "抽查样本中判定为正面或负面且有该模型预测的评论数。",
        labels=("model",),
    ),
    Metric(
        "liuyan_audit_accuracy_ratio",
        Kind.GAUGE,
        "ratio",
        "The model's accuracy on the audit sample.",
        "模型在抽查样本上的准确率。",
        labels=("model",),
    ),
    Metric(
        "liuyan_audit_accuracy_lower_ratio",
        Kind.GAUGE,
        "ratio",
        "Lower end of the 95 % Wilson interval of the accuracy on the audit sample.",
        "抽查准确率 95% 威尔逊区间的下限。",
        labels=("model",),
    ),
    Metric(
        "liuyan_audit_accuracy_upper_ratio",
        Kind.GAUGE,
        "ratio",
        "Upper end of the 95 % Wilson interval of the accuracy on the audit sample.",
        "抽查准确率 95% 威尔逊区间的上限。",
        labels=("model",),
    ),
    Metric(
        "liuyan_model_card_accuracy_ratio",
        Kind.GAUGE,
        "ratio",
        "Accuracy of the loaded model on its test data, as its model card states it.",
        "模型说明中记录的已加载模型在测试数据上的准确率。",
        labels=("model",),
    ),
    Metric(
        "liuyan_last_hour_comments",
        Kind.GAUGE,
        "comments",
        "Comments written in the last complete hour (UTC), by platform and by the active model's label. Counted by "
        "`created_at`, so that a backlog does not look like a swing. All but the LIUYAN_METRICS_PLATFORMS platforms "
        "with the most comments are counted as `other`.",
        "上一个完整小时（UTC）内发表的评论数，按平台和已启用模型的标签。按 created_at 统计，积压不会造成波动。"
        "评论最多的 LIUYAN_METRICS_PLATFORMS 个平台之外计为 other。",
        labels=("platform", "label"),
    ),
    Metric(
        "liuyan_sessions",
        Kind.GAUGE,
        "sessions",
        "Sessions that have not expired, by the account's role.",
        "未过期的会话数，按账号角色。",
        labels=("role",),
    ),
    Metric(
        "liuyan_backup_age_seconds",
        Kind.GAUGE,
        "seconds",
        "Time since the last backup was recorded; without one, since the first account was created.",
        "距最近一次记录的备份的时间；从未备份时，距创建首个账号的时间。",
        labels=("database",),
    ),
    Metric(
        "liuyan_backup_target_seconds",
        Kind.GAUGE,
        "seconds",
        "LIUYAN_BACKUP_TARGET_HOURS in seconds; absent if it is 0.",
        "LIUYAN_BACKUP_TARGET_HOURS 对应的秒数；为 0 时不导出。",
        labels=("database",),
    ),
    Metric(
        "liuyan_replay_records_done",
        Kind.GAUGE,
        "records",
        "Records that the newest replay of a model has read; in the store pass, comment numbers.",
        "模型最近一次重放已读取的记录数；存量阶段为评论编号数。",
        labels=("model",),
    ),
    Metric(
        "liuyan_replay_records_remaining",
        Kind.GAUGE,
        "records",
        "Records or comment numbers that the newest replay of a model has still to read; 0 when it is finished or "
        "cancelled. It rises once, when the store pass begins.",
        "模型最近一次重放尚需读取的记录数或评论编号数，完成或取消后为 0。进入存量阶段时会上升一次。",
        labels=("model",),
    ),
    Metric(
        "liuyan_replay_comments",
        Kind.GAUGE,
        "comments",
        "Comments that the newest replay of a model has labelled; their rate is its speed.",
        "模型最近一次重放已标注的评论数，其变化率即重放速度。",
        labels=("model",),
    ),
    Metric(
        "liuyan_shadow_lag",
        Kind.GAUGE,
        "records",
        "Records that the consumer group LIUYAN_GROUP has stored and the shadow of a model has still to read.",
        "消费者组 LIUYAN_GROUP 已存储、而模型的影子消费者尚未读取的记录数。",
        labels=("model",),
    ),
    Metric(
        "liuyan_missing_predictions",
        Kind.GAUGE,
        "comments",
        "Comments that wait for a prediction of the active model after a promotion or rollback. At most 100,000 are "
        "counted.",
        "启用或回退模型后，等待已启用模型预测的评论数，最多计 100,000 条。",
        labels=("model",),
    ),
    Metric(
        "liuyan_missing_predictions_oldest_age_seconds",
        Kind.GAUGE,
        "seconds",
        "How long the oldest comment has waited for a prediction of the active model; 0 if none waits.",
        "最早的评论等待已启用模型预测的时间；没有等待的评论时为 0。",
        labels=("model",),
    ),
)
