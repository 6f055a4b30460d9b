"""The alerts: when they fire, how urgent they are, and the threshold that panels draw.

rules.py writes them as Prometheus rules, dashboards/prometheus/tests has their unit tests, and docs/runbook.md has one
section per alert.
"""

from dataclasses import dataclass
from enum import StrEnum

from dashboards.series import (
    CARD_ACCURACY,
    CORRECTIONS,
    DRIFT,
    LAST_HOUR_COMMENTS,
    LAST_HOUR_SHARE,
    REVIEWS,
    api_errors,
    api_slow,
    by_group,
)
from dashboards.text import Text


class Severity(StrEnum):
    """critical: somebody acts now; warning: somebody looks during working hours."""

    CRITICAL = "critical"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert. ``threshold`` is the value that panels draw; None if the alert compares with the past.

    ``duration`` is how long the expression must hold.
    """

    name: str
    severity: Severity
    expression: str
    summary: Text
    duration: str
    threshold: float | None = None

    @property
    def anchor(self) -> str:
        """The anchor of the alert's section in docs/runbook.md."""
        return self.name.lower()


LAG_SECONDS = 300.0
STORED_SECONDS = 300.0
DEAD_LETTER_SHARE = 0.05
OVERRIDE_JUMP = 0.10
AUDITED_AT_LEAST = 100
SWING_SHARE, SWING_DEVIATIONS, SWING_COMMENTS = 0.10, 4.0, 50
DISPUTE_SECONDS, AUDIT_SECONDS = 3 * 86_400.0, 14 * 86_400.0
# Objectives of the API: 99.9 % of requests without a server error, 99 % within a second. A rate of 14.4 spends 2 % of a
# 30-day budget in an hour, a rate of 6 spends 5 % in six hours.
ERROR_BUDGET, SLOW_BUDGET = 0.001, 0.01
FAST_BURN, SLOW_BURN = 14.4, 6.0
ERRORS_AT_LEAST = 5
DRIFT_INDEX = 0.25
BEHIND_SECONDS, MISSING_SECONDS = 600.0, 1_800.0

_LAG = "liuyan:lag_seconds"
LAG_GROWING = Alert(
    "LiuyanLagGrowing",
    Severity.CRITICAL,
    f"{_LAG} > {LAG_SECONDS:g} and deriv({_LAG}[10m]) > 0",
    Text(
        "{{ $labels.topic }} partition {{ $labels.partition }} is {{ $value | humanizeDuration }} behind, and the lag "
        "grows.",
        "{{ $labels.topic }} 分区 {{ $labels.partition }} 积压 {{ $value | humanizeDuration }}，且仍在增长。",
    ),
    "5m",
    LAG_SECONDS,
)
NOTHING_STORED = Alert(
    "LiuyanNothingStored",
    Severity.CRITICAL,
    "sum by (group) (liuyan:readable_lag) > 0 and on (group) "
    f"time() - max by (group) ({by_group('liuyan_consumer_last_stored_timestamp_seconds')}) > {STORED_SECONDS:g}",
    Text(
        "Group {{ $labels.group }} has stored nothing for 5 minutes although {{ $value }} records wait.",
        "消费者组 {{ $labels.group }} 有 {{ $value }} 条记录等待处理，但 5 分钟内没有存储任何记录。",
    ),
    "2m",
    STORED_SECONDS,
)
NO_CONSUMER = Alert(
    "LiuyanNoConsumer",
    Severity.CRITICAL,
    'absent(up{job="liuyan-consumer"} == 1)',
    Text("No consumer answers Prometheus.", "没有消费者响应 Prometheus。"),
    "5m",
)
TARGET_DOWN = Alert(
    "LiuyanTargetDown",
    Severity.WARNING,
    'up{job=~"liuyan-.+"} == 0',
    Text(
        "{{ $labels.job }} {{ $labels.instance }} does not answer.", "{{ $labels.job }} {{ $labels.instance }} 无响应。"
    ),
    "5m",
)
DEAD_LETTERS = Alert(
    "LiuyanDeadLetterShareHigh",
    Severity.WARNING,
    "sum(rate(liuyan_consumer_dead_letters_total[15m])) / sum(rate(liuyan_consumer_records_total[15m])) "
    f"> {DEAD_LETTER_SHARE:g} and sum(increase(liuyan_consumer_dead_letters_total[15m])) > 20",
    Text(
        "{{ $value | humanizePercentage }} of the records became dead letters.",
        "{{ $value | humanizePercentage }} 的记录成为死信。",
    ),
    "5m",
    DEAD_LETTER_SHARE,
)
CIRCUIT_BREAKER = Alert(
    "LiuyanCircuitBreakerOpen",
    Severity.CRITICAL,
    "max by (topic, partition) (liuyan_consumer_circuit_breaker_open) > 0",
    Text(
        "{{ $labels.topic }} partition {{ $labels.partition }} is paused because too many of its records are poison.",
        "{{ $labels.topic }} 分区 {{ $labels.partition }} 因毒消息过多被熔断。",
    ),
    "0m",
    1,
)
RECORDS_LOST = Alert(
    "LiuyanRecordsLost",
    Severity.CRITICAL,
    "sum(increase(liuyan_consumer_records_lost_total[1h])) > 0",
    Text(
        "Kafka's retention removed {{ $value | humanize }} records before they were read.",
        "Kafka 保留策略在读取前删除了 {{ $value | humanize }} 条记录。",
    ),
    "0m",
    1,
)
MODELS_DIFFER = Alert(
    "LiuyanConsumersUseDifferentModels",
    Severity.WARNING,
    'count by (group) (count by (group, model) (liuyan_model_info{group!=""})) > 1',
    Text(
        "Consumers of group {{ $labels.group }} use {{ $value }} models.",
        "消费者组 {{ $labels.group }} 的消费者在使用 {{ $value }} 个模型。",
    ),
    "10m",
    2,
)
MODEL_LOAD_FAILED = Alert(
    "LiuyanModelLoadFailed",
    Severity.WARNING,
    "sum by (job, instance) (increase(liuyan_model_load_failures_total[15m])) > 0",
    Text(
        "{{ $labels.job }} {{ $labels.instance }} cannot load a model and continues with the previous one.",
        "{{ $labels.job }} {{ $labels.instance }} 无法加载模型，继续使用原模型。",
    ),
    "0m",
    1,
)
MODEL_BEHIND = Alert(
    "LiuyanActiveModelNotLoaded",
    Severity.WARNING,
    f"max by (job, instance) (liuyan_model_behind_seconds) > {BEHIND_SECONDS:.0f}",
    Text(
        "{{ $labels.job }} {{ $labels.instance }} has not loaded the active model for {{ $value | humanizeDuration }}.",
        "{{ $labels.job }} {{ $labels.instance }} 已有 {{ $value | humanizeDuration }} 未加载已启用的模型。",
    ),
    "2m",
    BEHIND_SECONDS,
)
PREDICTIONS_MISSING = Alert(
    "LiuyanPredictionsMissing",
    Severity.WARNING,
    f"max by (model) (liuyan_missing_predictions_oldest_age_seconds) > {MISSING_SECONDS:.0f}",
    Text(
        "The oldest comment has waited {{ $value | humanizeDuration }} for a prediction of the active model "
        "{{ $labels.model }}.",
        "最早的评论等待已启用模型 {{ $labels.model }} 的预测已有 {{ $value | humanizeDuration }}。",
    ),
    "5m",
    MISSING_SECONDS,
)
_OVERRIDES = f"({CORRECTIONS} - {CORRECTIONS} offset 1d) / ({REVIEWS} - {REVIEWS} offset 1d)"
_OVERRIDES_BEFORE = f"({CORRECTIONS} offset 1d - {CORRECTIONS} offset 8d) / ({REVIEWS} offset 1d - {REVIEWS} offset 8d)"
OVERRIDES = Alert(
    "LiuyanOverrideRateJump",
    Severity.WARNING,
    f"{_OVERRIDES} - {_OVERRIDES_BEFORE} > {OVERRIDE_JUMP:g} and {REVIEWS} - {REVIEWS} offset 1d >= 50",
    Text(
        "Reviewers override model {{ $labels.model }} {{ $value | humanizePercentage }} more often than in the week "
        "before.",
        "审核人更正模型 {{ $labels.model }} 的比例比前一周高 {{ $value | humanizePercentage }}。",
    ),
    "30m",
)
AUDIT_ACCURACY = Alert(
    "LiuyanAuditAccuracyLow",
    Severity.WARNING,
    f"max by (model) (liuyan_audit_accuracy_upper_ratio) < {CARD_ACCURACY} and on (model) "
    f"max by (model) (liuyan_audit_sample_comments) >= {AUDITED_AT_LEAST}",
    Text(
        "Model {{ $labels.model }} is at most {{ $value | humanizePercentage }} accurate on the audit sample, less "
        "than its model card states.",
        "模型 {{ $labels.model }} 的抽查准确率最高为 {{ $value | humanizePercentage }}，低于模型说明。",
    ),
    "1h",
)
DRIFTING = Alert(
    "LiuyanConfidenceDrift",
    Severity.WARNING,
    f"{DRIFT} > {DRIFT_INDEX:g}",
    Text(
        "The probabilities of model {{ $labels.model }} have drifted: the population stability index is "
        "{{ $value | humanize }}.",
        "模型 {{ $labels.model }} 的概率分布发生漂移：群体稳定性指数为 {{ $value | humanize }}。",
    ),
    "1h",
    DRIFT_INDEX,
)
_USUAL = f"avg_over_time({LAST_HOUR_SHARE}[4w] offset 2h)"
_SPREAD = f"clamp_min(stddev_over_time({LAST_HOUR_SHARE}[4w] offset 2h), 0.01)"
SWING = Alert(
    "LiuyanSentimentSwing",
    Severity.WARNING,
    f"abs({LAST_HOUR_SHARE} - {_USUAL}) > {SWING_SHARE:g} "
    f"and abs({LAST_HOUR_SHARE} - {_USUAL}) / {_SPREAD} > {SWING_DEVIATIONS:g} "
    f"and {LAST_HOUR_COMMENTS} >= {SWING_COMMENTS} "
    # A week of history, sampled once per hour.
    f"and count_over_time({LAST_HOUR_SHARE}[4w:1h]) >= 168",
    Text(
        "The negative share of {{ $labels.platform }} differs by {{ $value | humanizePercentage }} from its last four "
        "weeks.",
        "{{ $labels.platform }} 的负面占比与其过去四周相差 {{ $value | humanizePercentage }}。",
    ),
    "10m",
)
DISPUTES_OLD = Alert(
    "LiuyanDisputesOld",
    Severity.WARNING,
    f'max(liuyan_review_queue_oldest_age_seconds{{queue="disputed"}}) > {DISPUTE_SECONDS:.0f}',
    Text(
        "The oldest dispute has waited {{ $value | humanizeDuration }}.",
        "最早的分歧已等待 {{ $value | humanizeDuration }}。",
    ),
    "1h",
    DISPUTE_SECONDS,
)
AUDIT_OLD = Alert(
    "LiuyanAuditOld",
    Severity.WARNING,
    f'max(liuyan_review_queue_oldest_age_seconds{{queue="audit"}}) > {AUDIT_SECONDS:.0f}',
    Text(
        "The oldest comment of the audit sample has waited {{ $value | humanizeDuration }}.",
        "最早的抽查评论已等待 {{ $value | humanizeDuration }}。",
    ),
    "1h",
    AUDIT_SECONDS,
)
BACKUP_OLD = Alert(
    "LiuyanBackupOld",
    Severity.WARNING,
    "max(liuyan_backup_age_seconds) > max(liuyan_backup_target_seconds)",
    Text(
        "The database was last backed up {{ $value | humanizeDuration }} ago.",
        "数据库上次备份于 {{ $value | humanizeDuration }}前。",
    ),
    "15m",
)
_ERRORS_ENOUGH = f'sum(increase(liuyan_api_requests_total{{status=~"5.."}}[1h])) >= {ERRORS_AT_LEAST}'
API_ERRORS_FAST = Alert(
    "LiuyanApiErrorsFastBurn",
    Severity.CRITICAL,
    f"{api_errors('1h')} > {FAST_BURN * ERROR_BUDGET:g} and {api_errors('5m')} > {FAST_BURN * ERROR_BUDGET:g} "
    f"and {_ERRORS_ENOUGH}",
    Text(
        "{{ $value | humanizePercentage }} of the API's requests fail: the monthly error budget is gone in two days.",
        "API 请求失败率为 {{ $value | humanizePercentage }}：当月错误预算将在两天内耗尽。",
    ),
    "2m",
    FAST_BURN * ERROR_BUDGET,
)
API_ERRORS_SLOW = Alert(
    "LiuyanApiErrorsSlowBurn",
    Severity.WARNING,
    f"{api_errors('6h')} > {SLOW_BURN * ERROR_BUDGET:g} and {api_errors('30m')} > {SLOW_BURN * ERROR_BUDGET:g} "
    f"and {_ERRORS_ENOUGH}",
    Text(
        "{{ $value | humanizePercentage }} of the API's requests fail: the monthly error budget is gone in five days.",
        "API 请求失败率为 {{ $value | humanizePercentage }}：当月错误预算将在五天内耗尽。",
    ),
    "15m",
    SLOW_BURN * ERROR_BUDGET,
)
API_SLOW_FAST = Alert(
    "LiuyanApiLatencyFastBurn",
    Severity.CRITICAL,
    f"{api_slow('1h')} > {FAST_BURN * SLOW_BUDGET:g} and {api_slow('5m')} > {FAST_BURN * SLOW_BUDGET:g}",
    Text(
        "{{ $value | humanizePercentage }} of the API's requests take more than a second.",
        "{{ $value | humanizePercentage }} 的 API 请求耗时超过 1 秒。",
    ),
    "2m",
    FAST_BURN * SLOW_BUDGET,
)
API_SLOW_SLOW = Alert(
    "LiuyanApiLatencySlowBurn",
    Severity.WARNING,
    f"{api_slow('6h')} > {SLOW_BURN * SLOW_BUDGET:g} and {api_slow('30m')} > {SLOW_BURN * SLOW_BUDGET:g}",
    Text(
        "{{ $value | humanizePercentage }} of the API's requests have taken more than a second for hours.",
        "数小时以来 {{ $value | humanizePercentage }} 的 API 请求耗时超过 1 秒。",
    ),
    "15m",
    SLOW_BURN * SLOW_BUDGET,
)

ALERTS = (
    LAG_GROWING,
    NOTHING_STORED,
    NO_CONSUMER,
    TARGET_DOWN,
    DEAD_LETTERS,
    CIRCUIT_BREAKER,
    RECORDS_LOST,
    MODELS_DIFFER,
    MODEL_LOAD_FAILED,
    MODEL_BEHIND,
    PREDICTIONS_MISSING,
    OVERRIDES,
    AUDIT_ACCURACY,
    DRIFTING,
    SWING,
    DISPUTES_OLD,
    AUDIT_OLD,
    BACKUP_OLD,
    API_ERRORS_FAST,
    API_ERRORS_SLOW,
    API_SLOW_FAST,
    API_SLOW_SLOW,
)
