"""Review work: what waits, for how long, and what gets done."""

from dashboards.alerts import AUDIT_OLD, DISPUTES_OLD
from dashboards.sentiment import LABELS, PLATFORMS
from dashboards.specification import Color, Dashboard, Draw, Field, Kind, Metric, Panel, Row, Unit
from dashboards.sql import COMMENTS, REVIEWS, by, over_time, ratio, total
from dashboards.text import Text, same

QUEUE = same("{{queue}}")
LENGTH = "max by (queue) (liuyan_review_queue_comments)"
AGE = "max by (queue) (liuyan_review_queue_oldest_age_seconds)"
DECIDED = {
    name: f"SUM(CASE WHEN label = '{name}' THEN reviews ELSE 0 END)"
    for name in ("positive", "negative", "unclear", "spam")
}

AT_A_GLANCE = Row(
    Text("At a glance", "概览"),
    [
        Panel(
            Text("Comments that wait", "待审核评论"),
            Text(
                "By queue: uncertain comments, the audit sample, and disputes. Disputes and the audit come first, "
                "because others depend on them.",
                "按队列：不确定、抽查、分歧。请优先处理分歧与抽查。",
            ),
            Unit.COUNT,
            [Metric(LENGTH, QUEUE)],
            Kind.STAT,
            width=8,
            height=4,
        ),
        Panel(
            Text("Oldest comment of each queue", "各队列最早评论的等待时间"),
            Text(
                "Disputes should be settled within three days and audit comments decided within two weeks: ask more "
                "people to review. The queue of uncertain comments is sorted by uncertainty, so old ones may remain.",
                "分歧应在 3 天内处理，抽查应在 14 天内判定：超出时请增加审核人手。不确定队列按不确定程度排序，"
                "旧评论可能一直保留。",
            ),
            Unit.SECONDS,
            [Metric(AGE, QUEUE)],
            Kind.STAT,
            width=8,
            height=4,
        ),
        Panel(
            Text("Reviews in this range", "此范围内的审核数"),
            Text(
                "Reviews that were not withdrawn. Zero on a working day means that nobody reviews.",
                "未撤销的审核数。工作日为零说明无人审核。",
            ),
            Unit.COUNT,
            [total("COALESCE(SUM(reviews), 0)", REVIEWS)],
            Kind.STAT,
            width=8,
            height=4,
        ),
    ],
)
QUEUES = Row(
    Text("Queues", "队列"),
    [
        Panel(
            Text("Length of the queues", "队列长度"),
            Text(
                "If the queue of uncertain comments grows much faster than people review, a retrained model helps more "
                "than more reviewers.",
                "不确定队列的增长远快于审核速度时，重新训练模型比增加人手更有效。",
            ),
            Unit.COUNT,
            [Metric(LENGTH, QUEUE)],
            width=8,
            minimum=0,
        ),
        Panel(
            Text("Age of the oldest dispute", "最早分歧的等待时间"),
            Text(
                "A rising line means that nobody settles disputes: assign somebody. The target is three days.",
                "持续上升说明无人处理分歧：请指派人员。时限为 3 天。",
            ),
            Unit.SECONDS,
            [Metric('max(liuyan_review_queue_oldest_age_seconds{queue="disputed"})', Text("disputed", "分歧"))],
            minimum=0,
            alerts=[DISPUTES_OLD],
        ),
        Panel(
            Text("Age of the oldest audit comment", "最早抽查评论的等待时间"),
            Text(
                "A rising line means that nobody audits, so that the accuracy rests on old comments. The target is two "
                "weeks.",
                "持续上升说明无人抽查，准确率只反映旧评论。时限为 14 天。",
            ),
            Unit.SECONDS,
            [Metric('max(liuyan_review_queue_oldest_age_seconds{queue="audit"})', Text("audit", "抽查"))],
            minimum=0,
            alerts=[AUDIT_OLD],
        ),
    ],
)
THROUGHPUT = Row(
    Text("Throughput", "处理量"),
    [
        Panel(
            Text("Reviews by label", "各标签的审核数"),
            Text(
                "What people decide. Many unclear decisions mean that the guideline for labels needs an example.",
                "审核结果分布。不明确的结果较多时，请为标注规范补充示例。",
            ),
            Unit.COUNT,
            [over_time(REVIEWS, **DECIDED)],
            draw=Draw.BARS,
            width=12,
            minimum=0,
            fields=LABELS,
            interval="6h",
        ),
        Panel(
            Text("Reviews and corrections", "审核与更正"),
            Text(
                "Corrections teach the model. If hardly any review is a correction, the queue no longer finds "
                "mistakes.",
                "更正用于训练模型。几乎没有更正时，说明队列已很难发现错误。",
            ),
            Unit.COUNT,
            [over_time(REVIEWS, reviews="SUM(reviews)", corrections="SUM(corrections)")],
            width=12,
            minimum=0,
            fields=(
                Field("reviews", Text("Reviews", "审核"), color=Color.NOW),
                Field("corrections", Text("Corrections", "更正"), color=Color.SPAM),
            ),
            interval="6h",
        ),
        Panel(
            Text("Reviews by platform", "各平台的审核数"),
            Text(
                "A platform without reviews is one whose errors nobody sees: filter the queue by platform.",
                "没有审核的平台，其错误无人发现：请按平台筛选队列。",
            ),
            Unit.COUNT,
            [by("platform", "SUM(reviews)", REVIEWS)],
            draw=Draw.BARS,
            width=12,
            minimum=0,
            interval="6h",
        ),
        Panel(
            Text("Reviewed share of comments", "已审核评论占比"),
            Text(
                "Share of the comments written in each period that have a review by now. If it is too low for a "
                "platform, plan reviews there.",
                "各时段发表的评论中已有审核的占比。过低时请安排审核。",
            ),
            Unit.SHARE,
            [by("platform", ratio("reviewed", "comments"), COMMENTS)],
            width=12,
            minimum=0,
            interval="6h",
        ),
    ],
)
REVIEW_WORK = Dashboard(
    "review-work",
    Text("Review work", "审核工作"),
    Text("What waits for people, for how long, and what gets done.", "等待人工处理的评论、等待时间与处理量。"),
    [AT_A_GLANCE, QUEUES, THROUGHPUT],
    since="now-14d",
    choices=[PLATFORMS],
)
