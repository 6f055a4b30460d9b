"""Sentiment trends: what people write, by the hour in which they wrote it.

All panels read the hourly counts in MySQL, by `created_at`: counters of the consumer would show a backlog as a swing.
"""

from dashboards.alerts import SWING, SWING_COMMENTS, SWING_DEVIATIONS, SWING_SHARE
from dashboards.specification import Choice, Color, Dashboard, Draw, Field, Kind, Panel, Row, Rows, Unit
from dashboards.sql import COMMENTS, WEEKS, by, over_time, ratio, total
from dashboards.text import Text

PLATFORMS = Choice(
    "platform",
    Text("Platform", "平台"),
    "SELECT DISTINCT platform FROM dashboard_hours WHERE active = 1 ORDER BY platform",
    sql=True,
)
LABELS = (
    Field("positive", Text("Positive", "正面"), color=Color.POSITIVE),
    Field("negative", Text("Negative", "负面"), color=Color.NEGATIVE),
    Field("unclear", Text("Unclear", "不明确"), color=Color.UNCLEAR),
    Field("spam", Text("Spam", "垃圾信息"), color=Color.SPAM),
)
SHOWN_LABELS = over_time(COMMENTS, **{name: f"SUM({name})" for name in ("positive", "negative", "unclear", "spam")})
# Weeks without comments of the platform at that hour count as missing, not as zero.
EARLIER_MEAN = "earlier_comments / NULLIF(earlier_weeks, 0)"
COMPARED = (
    Field("now", Text("Now", "当前"), color=Color.NOW),
    Field("earlier", Text("Previous four weeks", "前四周同一小时"), color=Color.EARLIER),
)
# Deviations of a share from an expected one, by the normal approximation of the binomial distribution. The expected
# share is kept away from 0 and 1, where the approximation breaks down.
EXPECTED = "LEAST(GREATEST(earlier_negative / earlier_comments, 0.02), 0.98)"
DEVIATIONS = (
    f"(negative / comments - earlier_negative / earlier_comments) / "
    f"SQRT({EXPECTED} * (1 - {EXPECTED}) * (1 / comments + 1 / earlier_comments))"
)
SWINGS = (
    f"{WEEKS} AND comments >= {SWING_COMMENTS} AND earlier_comments >= {SWING_COMMENTS} "
    f"AND ABS(negative / comments - earlier_negative / earlier_comments) > {SWING_SHARE:g} "
    f"AND ABS({DEVIATIONS}) > {SWING_DEVIATIONS:g}"
)
LIST_OF_COMMENTS = (
    "${admin_url:raw}/admin/comments?platform=${__data.fields.platform:percentencode}"
    "&created_from=${__data.fields.begins:percentencode}&created_to=${__data.fields.ends:percentencode}"
    "&label=${__data.fields.label:percentencode}"
)


def _statistic(title: Text, advice: Text, unit: Unit, query: Rows, decimals: int | None = None) -> Panel:
    return Panel(title, advice, unit, [query], Kind.STAT, width=6, height=4, decimals=decimals)


AT_A_GLANCE = Row(
    Text("At a glance", "概览"),
    [
        _statistic(
            Text("Comments", "评论数"),
            Text(
                "Comments written in this time range. If it is far too low, look at Consumer health: a backlog is "
                "missing here until it is stored.",
                "此时间范围内发表的评论数。明显偏低时请查看“消费者健康”：积压的评论存储后才会计入。",
            ),
            Unit.COUNT,
            total("COALESCE(SUM(comments), 0)", COMMENTS),
        ),
        _statistic(
            Text("Negative share", "负面占比"),
            Text(
                "Share of comments shown as negative. After a jump, open the notable swings below and read the "
                "comments.",
                "显示为负面的评论占比。出现突变时，请从下方“显著波动”进入列表并阅读评论。",
            ),
            Unit.SHARE,
            total(ratio("negative", "comments"), COMMENTS),
            decimals=1,
        ),
        _statistic(
            Text("Uncertain share", "不确定占比"),
            Text(
                "Share of comments of which the model is uncertain. If it rises, review some of them: the model may "
                "not know a new topic.",
                "模型不确定的评论占比。上升时请审核其中一部分：模型可能不熟悉新话题。",
            ),
            Unit.SHARE,
            total(ratio("uncertain", "comments"), COMMENTS),
            decimals=1,
        ),
        _statistic(
            Text("Notable swings", "显著波动"),
            Text(
                "Hours of a platform whose negative share differs clearly from the same hour of the previous four "
                "weeks. They are listed at the bottom.",
                "某平台某小时的负面占比与前四周同一小时明显不同的次数，详见底部列表。",
            ),
            Unit.COUNT,
            total("COUNT(*)", SWINGS),
        ),
    ],
)
PLATFORM_ROW = Row(
    Text("By platform", "按平台"),
    [
        Panel(
            Text("Negative share by platform", "各平台负面占比"),
            Text(
                "A jump of one platform is usually an event there: open its comments in Notable swings. A jump of all "
                "platforms at once is usually the model: look at Model quality.",
                "单个平台突变通常是该平台发生了事件，请从“显著波动”打开评论。所有平台同时突变通常与模型有关，"
                "请查看“模型质量”。",
            ),
            Unit.SHARE,
            [by("platform", ratio("negative", "comments"), COMMENTS)],
            width=12,
            minimum=0,
            alerts=[SWING],
            interval="1h",
        ),
        Panel(
            Text("Comments by platform", "各平台评论数"),
            Text(
                "Comments by the hour in which they were written. If a platform drops to zero, check whether it still "
                "publishes events.",
                "按发表时间统计的评论数。某平台降为零时，请检查它是否仍在发布事件。",
            ),
            Unit.COUNT,
            [by("platform", "SUM(comments)", COMMENTS)],
            draw=Draw.STACKED,
            width=12,
            minimum=0,
            interval="1h",
        ),
        Panel(
            Text("Label mix", "标签构成"),
            Text(
                "Shares of the shown labels; a person's label counts before the model's. Much spam or many unclear "
                "comments suggest a campaign.",
                "各显示标签的占比，人工标签优先于模型标签。垃圾信息或不明确的评论较多时，可能有刷屏行为。",
            ),
            Unit.COUNT,
            [SHOWN_LABELS],
            draw=Draw.SHARES,
            width=12,
            fields=LABELS,
            interval="1h",
        ),
        Panel(
            Text("Uncertain share by platform", "各平台不确定占比"),
            Text(
                "If it rises on one platform, review its uncertain comments and retrain the model on them.",
                "某平台上升时，请审核该平台的不确定评论，并用审核结果重新训练模型。",
            ),
            Unit.SHARE,
            [by("platform", ratio("uncertain", "comments"), COMMENTS)],
            width=12,
            minimum=0,
            interval="1h",
        ),
    ],
)
COMPARISON = Row(
    Text("Compared with the same hour of the previous four weeks", "与前四周同一小时比较"),
    [
        Panel(
            Text("Negative share, compared", "负面占比对比"),
            Text(
                "A lasting gap is a change of mood or of the model. The second line is missing where the active model "
                "has no labels for the weeks before: replay it.",
                "持续的差距说明舆情或模型发生了变化。若已启用的模型没有前几周的标签，则没有第二条线：请重放该模型。",
            ),
            Unit.SHARE,
            [
                over_time(
                    WEEKS, now=ratio("negative", "comments"), earlier=ratio("earlier_negative", "earlier_comments")
                )
            ],
            width=12,
            minimum=0,
            fields=COMPARED,
            interval="1h",
        ),
        Panel(
            Text("Comments, compared", "评论数对比"),
            Text(
                "Comments of each hour next to the average of the same hour in the previous four weeks. A drop without "
                "a reason suggests that a platform stopped publishing.",
                "每小时的评论数与前四周同一小时的平均值。无故下降时，可能有平台停止发布。",
            ),
            Unit.COUNT,
            [over_time(WEEKS, now="SUM(comments)", earlier=f"SUM({EARLIER_MEAN})")],
            width=12,
            minimum=0,
            fields=COMPARED,
            interval="1h",
        ),
    ],
)
NOTABLE = Row(
    Text("Notable swings", "显著波动"),
    [
        Panel(
            Text("Notable swings", "显著波动"),
            Text(
                "The largest swings first. Click a platform to list exactly these comments in the admin app; read some "
                "before you act. Hours with few comments are left out.",
                "按波动从大到小排列。点击平台可在管理后台列出对应的评论，处理前请先阅读几条。评论很少的小时不列出。",
            ),
            Unit.NONE,
            [
                Rows(
                    "SELECT hour AS hour, platform, "
                    "CASE WHEN negative / comments > earlier_negative / earlier_comments THEN 'negative' "
                    "ELSE 'positive' END AS label, negative / comments AS share, "
                    "earlier_negative / earlier_comments AS usual, comments, "
                    f"{DEVIATIONS} AS deviations, "
                    "DATE_FORMAT(hour, '%Y-%m-%dT%H:%i:%sZ') AS begins, "
                    "DATE_FORMAT(hour + INTERVAL 1 HOUR, '%Y-%m-%dT%H:%i:%sZ') AS ends "
                    f"{SWINGS} ORDER BY ABS({DEVIATIONS}) DESC LIMIT 50",
                    over_time=False,
                )
            ],
            Kind.TABLE,
            width=24,
            height=9,
            fields=(
                Field("hour", Text("Hour", "小时"), unit=Unit.TIME),
                Field(
                    "platform",
                    Text("Platform", "平台"),
                    link=LIST_OF_COMMENTS,
                    link_title=Text("List these comments", "列出这些评论"),
                ),
                Field("label", Text("More", "增多的标签")),
                Field("share", Text("Negative share", "负面占比"), unit=Unit.SHARE, decimals=1),
                Field("usual", Text("Previous four weeks", "前四周"), unit=Unit.SHARE, decimals=1),
                Field("comments", Text("Comments", "评论数"), unit=Unit.COUNT),
                Field("deviations", Text("Standard deviations", "标准差倍数"), unit=Unit.NONE, decimals=1),
                Field("begins", Text("From", "开始"), hidden=True),
                Field("ends", Text("To", "结束"), hidden=True),
            ),
            empty=Text("No notable swings", "没有显著波动"),
        )
    ],
)
SENTIMENT = Dashboard(
    "sentiment",
    Text("Sentiment trends", "舆情趋势"),
    Text(
        "What people write, by platform and by the hour in which they wrote it (complete UTC hours).",
        "各平台评论的情感走势，按发表时间（完整的 UTC 小时）统计。",
    ),
    [AT_A_GLANCE, PLATFORM_ROW, COMPARISON, NOTABLE],
    since="now-7d",
    choices=[PLATFORMS],
)
