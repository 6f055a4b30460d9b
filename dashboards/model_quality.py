"""Model quality: accuracy on the audit sample, corrections, drift, and the active model next to others."""

from dashboards import sql
from dashboards.alerts import (
    AUDIT_ACCURACY,
    DRIFTING,
    MODEL_BEHIND,
    MODEL_LOAD_FAILED,
    OVERRIDES,
    PREDICTIONS_MISSING,
)
from dashboards.sentiment import PLATFORMS
from dashboards.series import CARD_ACCURACY, CORRECTIONS, DRIFT, PROBABILITY_SHARE, REVIEWS
from dashboards.specification import Dashboard, Draw, Kind, Metric, Panel, Row, Unit
from dashboards.sql import by, ratio, total
from dashboards.text import Text, same

MODEL = same("{{model}}")
# The active model has an asterisk.
NAMED = "CONCAT(model, ' ', version, IF(active = 1, ' *', ''))"

AT_A_GLANCE = Row(
    Text("At a glance", "概览"),
    [
        Panel(
            Text("Accuracy on the audit sample", "抽查准确率"),
            Text(
                "The only unbiased accuracy. If it is below the model card's, retrain on the reviews.",
                "唯一无偏的准确率。低于模型说明时，请用审核结果重新训练。",
            ),
            Unit.SHARE,
            [Metric("max by (model) (liuyan_audit_accuracy_ratio)", MODEL)],
            Kind.STAT,
            width=6,
            height=4,
            decimals=1,
        ),
        Panel(
            Text("Audited comments", "已抽查的评论"),
            Text(
                "How many decisions the accuracy rests on. With fewer than 100 the interval is wide: audit more "
                "comments.",
                "准确率所依据的判定数。少于 100 时区间很宽：请多做抽查。",
            ),
            Unit.COUNT,
            [Metric("max by (model) (liuyan_audit_sample_comments)", MODEL)],
            Kind.STAT,
            width=6,
            height=4,
        ),
        Panel(
            Text("Override rate in this range", "此范围内的更正率"),
            Text(
                "Share of reviews that correct the model. It is higher than the error rate, because reviewers see the "
                "most uncertain comments first.",
                "审核中更正模型的占比。审核优先处理最不确定的评论，因此高于实际错误率。",
            ),
            Unit.SHARE,
            [total(ratio("corrections", "reviews"), sql.REVIEWS)],
            Kind.STAT,
            width=6,
            height=4,
            decimals=1,
        ),
        Panel(
            Text("Population stability index", "群体稳定性指数"),
            Text(
                "How far the last day's probabilities are from those of the four weeks before. Below 0.1 is stable; "
                "above 0.25 find out what people write about now.",
                "最近一天的概率分布与前四周的差异。低于 0.1 为稳定；高于 0.25 时请查看评论内容的变化。",
            ),
            Unit.NONE,
            [Metric(DRIFT, MODEL)],
            Kind.STAT,
            width=6,
            height=4,
            decimals=3,
            alerts=[DRIFTING],
        ),
    ],
)
ACCURACY = Row(
    Text("Accuracy and corrections", "准确率与更正"),
    [
        Panel(
            Text("Audit accuracy with 95 % interval", "抽查准确率与 95% 区间"),
            Text(
                "If even the upper end is below the model card's accuracy, the model does worse on your comments than "
                "on its test data: retrain it.",
                "若区间上限也低于模型说明的准确率，说明模型在您的评论上表现更差：请重新训练。",
            ),
            Unit.SHARE,
            [
                Metric("max by (model) (liuyan_audit_accuracy_ratio)", MODEL),
                Metric("max by (model) (liuyan_audit_accuracy_lower_ratio)", Text("{{model}} lower", "{{model}} 下限")),
                Metric("max by (model) (liuyan_audit_accuracy_upper_ratio)", Text("{{model}} upper", "{{model}} 上限")),
                Metric(CARD_ACCURACY, Text("{{model}} model card", "{{model}} 模型说明")),
            ],
            width=12,
            maximum=1,
            alerts=[AUDIT_ACCURACY],
        ),
        Panel(
            Text("Override rate by model", "各模型更正率"),
            Text(
                "A jump of one model means that it fails on something new: read the corrected comments and retrain.",
                "某模型突增说明它不适应新的内容：请阅读被更正的评论并重新训练。",
            ),
            Unit.SHARE,
            [by("CONCAT(model, ' ', version)", ratio("corrections", "reviews"), f"{sql.REVIEWS} AND version <> ''")],
            width=12,
            minimum=0,
            alerts=[OVERRIDES],
            interval="1d",
        ),
        Panel(
            Text("Reviews counted by model", "各模型的审核数"),
            Text(
                "Reviews since the model was registered. A flat line means that nobody reviews.",
                "模型注册以来的审核数。长期持平说明无人审核。",
            ),
            Unit.COUNT,
            [
                Metric(REVIEWS, MODEL),
                Metric(CORRECTIONS, Text("{{model}} corrections", "{{model}} 更正")),
            ],
            width=12,
            minimum=0,
        ),
        Panel(
            Text("Override rate by platform", "各平台更正率"),
            Text(
                "A platform that is corrected more often than others writes differently: collect reviews there.",
                "某平台的更正率明显偏高，说明其语言风格不同：请在该平台多做审核。",
            ),
            Unit.SHARE,
            [by("platform", ratio("corrections", "reviews"), sql.REVIEWS)],
            width=12,
            minimum=0,
            interval="1d",
        ),
    ],
)
CONFIDENCE = Row(
    Text("Confidence drift", "置信度漂移"),
    [
        Panel(
            Text("Population stability index by model", "各模型群体稳定性指数"),
            Text(
                "0.1 to 0.25: watch it. Above 0.25: compare the probabilities on the right, and read new comments.",
                "0.1 至 0.25：保持关注。高于 0.25：查看右侧的概率分布，并阅读新评论。",
            ),
            Unit.NONE,
            [Metric(DRIFT, MODEL)],
            width=12,
            minimum=0,
            alerts=[DRIFTING],
        ),
        Panel(
            Text("Probabilities of the last day", "最近一天的概率分布"),
            Text(
                "Shares of predictions by probability of positive. More in the middle means that the model is less "
                "sure.",
                "预测按正面概率的占比。中间部分增多说明模型把握下降。",
            ),
            Unit.SHARE,
            [Metric(f"avg by (bin) ({PROBABILITY_SHARE})", same("{{bin}}"))],
            draw=Draw.STACKED,
            width=12,
            minimum=0,
            maximum=1,
        ),
    ],
)
SHADOW = Row(
    Text("Active model, shadows and replays", "已启用模型、影子消费者与重放"),
    [
        Panel(
            Text("Negative share by model", "各模型负面占比"),
            Text(
                "Models on the same comments; * marks the active one. Before you promote a model, a gap here needs an "
                "explanation.",
                "各模型对评论的判断，* 为已启用的模型。启用新模型前，请先弄清差距的原因。",
            ),
            Unit.SHARE,
            [by(NAMED, ratio("predicted_negative", "comments"), sql.ALL_MODELS)],
            minimum=0,
            interval="1h",
        ),
        Panel(
            Text("Uncertain share by model", "各模型不确定占比"),
            Text(
                "A model that is uncertain more often gives reviewers more work.",
                "不确定占比越高，审核工作量越大。",
            ),
            Unit.SHARE,
            [by(NAMED, ratio("uncertain", "comments"), sql.ALL_MODELS)],
            minimum=0,
            interval="1h",
        ),
        Panel(
            Text("Comments labelled by model", "各模型标注的评论数"),
            Text(
                "Where a model has fewer comments than another, replay it before you compare them.",
                "某模型的评论数较少时，请先重放再比较。",
            ),
            Unit.COUNT,
            [by(NAMED, "SUM(comments)", sql.ALL_MODELS)],
            minimum=0,
            interval="1h",
        ),
        Panel(
            Text("Replay of a model", "模型重放"),
            Text(
                "Progress of each model's newest replay. If its line does not fall, check that `liuyan consumer "
                "replay` runs: it reports why it waits.",
                "各模型最近一次重放的进度。剩余数没有下降时，请检查 liuyan consumer replay 是否在运行，"
                "它会报告等待的原因。",
            ),
            Unit.COUNT,
            [
                Metric("max by (model) (liuyan_replay_records_remaining)", Text("{{model}} left", "{{model}} 剩余")),
                Metric("max by (model) (liuyan_replay_records_done)", Text("{{model}} done", "{{model}} 已完成")),
                Metric("max by (model) (liuyan_replay_comments)", Text("{{model}} labelled", "{{model}} 已标注")),
            ],
            minimum=0,
            empty=Text("No replay", "没有重放"),
        ),
        Panel(
            Text("Records that shadows have still to read", "影子消费者待读取的记录"),
            Text(
                "How far each shadow is behind the consumers. If it grows, start another process with the same "
                "`liuyan consumer run --shadow`.",
                "影子消费者落后于消费者的记录数。持续增长时，请用相同的 liuyan consumer run --shadow 再启动一个进程。",
            ),
            Unit.COUNT,
            [Metric("max by (model) (liuyan_shadow_lag)", MODEL)],
            minimum=0,
            empty=Text("No shadow", "没有影子消费者"),
        ),
        Panel(
            Text("Comments that wait for the active model", "等待已启用模型的评论"),
            Text(
                "Comments that only an earlier model has labelled. After a promotion consumers label them within "
                "minutes; if the number does not fall, check that consumers run.",
                "仅有旧模型标签的评论数。启用新模型后，消费者会在几分钟内补标；没有下降时，请检查消费者是否在运行。",
            ),
            Unit.COUNT,
            [
                Metric("max by (model) (liuyan_missing_predictions)", MODEL),
                Metric(
                    "sum(increase(liuyan_consumer_missing_predictions_labelled_total[$__rate_interval]))",
                    Text("labelled meanwhile", "期间补标"),
                ),
            ],
            minimum=0,
        ),
        Panel(
            Text("Longest wait for the active model", "等待已启用模型的最长时间"),
            Text(
                "How long the oldest of these comments has waited.",
                "上述评论中最早一条的等待时间。",
            ),
            Unit.SECONDS,
            [Metric("max by (model) (liuyan_missing_predictions_oldest_age_seconds)", MODEL)],
            minimum=0,
            alerts=[PREDICTIONS_MISSING],
        ),
        Panel(
            Text("Model loads", "模型加载"),
            Text(
                "A failed load leaves the previous model in use: the log of that process names the cause.",
                "加载失败时继续使用原模型：进程日志会给出原因。",
            ),
            Unit.COUNT,
            [
                Metric("sum by (job) (liuyan_model_loading)", Text("{{job}} loading", "{{job}} 加载中")),
                Metric(
                    "sum by (job) (increase(liuyan_model_load_failures_total[$__rate_interval]))",
                    Text("{{job}} failed", "{{job}} 失败"),
                ),
            ],
            minimum=0,
            alerts=[MODEL_LOAD_FAILED],
        ),
        Panel(
            Text("Time without the active model", "未加载已启用模型的时间"),
            Text(
                "Time since another model became active that a process has not loaded. It is a few seconds after a "
                "promotion; if it grows, /readyz of that process names the cause.",
                "启用新模型后进程尚未加载它的时间。通常只有几秒；持续增长时，该进程的 /readyz 会给出原因。",
            ),
            Unit.SECONDS,
            [
                Metric(
                    "max by (job, instance) (liuyan_model_behind_seconds)",
                    Text("{{job}} {{instance}}", "{{job}} {{instance}}"),
                )
            ],
            minimum=0,
            alerts=[MODEL_BEHIND],
        ),
    ],
)
MODEL_QUALITY = Dashboard(
    "model-quality",
    Text("Model quality", "模型质量"),
    Text(
        "How right the model is, how often people correct it, and whether the comments have changed.",
        "模型的准确程度、被更正的频率，以及评论内容是否变化。",
    ),
    [AT_A_GLANCE, ACCURACY, CONFIDENCE, SHADOW],
    since="now-14d",
    choices=[PLATFORMS],
)
