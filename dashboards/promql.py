"""PromQL queries and panels that several dashboards share."""

from collections.abc import Sequence

from dashboards.specification import Metric, Panel, Unit
from dashboards.text import Text, same

RATE = "$__rate_interval"
QUANTILES = (
    ("0.5", Text("median", "中位数")),
    ("0.95", Text("95th percentile", "95 分位")),
    ("0.99", Text("99th percentile", "99 分位")),
)


def quantiles(metric: str) -> Sequence[Metric]:
    """Return the median, the 95th and the 99th percentile of a histogram."""
    return [
        Metric(f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket[{RATE}])))", legend)
        for share, legend in QUANTILES
    ]


def process_panels(job: str) -> Sequence[Panel]:
    """Return the panels of one program's processes: database connections, event loop, memory."""
    of_job = f'{{job="{job}"}}'
    in_use = f'sum by (instance) (liuyan_database_connections{{job="{job}", state="in_use"}})'
    most = f"sum by (instance) (liuyan_database_connections_maximum{of_job})"
    delay = f"sum by (le, instance) (rate(liuyan_event_loop_delay_seconds_bucket{of_job}[{RATE}]))"
    instance = same("{{instance}}")
    return [
        Panel(
            Text("Database connections in use", "使用中的数据库连接"),
            Text(
                "If all connections that the pool may open are in use, work waits for the database: look for slow "
                "queries in MySQL.",
                "连接池全部占用时，任务需要等待数据库：请在 MySQL 中查找慢查询。",
            ),
            Unit.SHARE,
            [Metric(f"{in_use} / {most}", instance)],
            minimum=0,
            maximum=1,
        ),
        Panel(
            Text("Delay of the event loop (99th percentile)", "事件循环延迟（99 分位）"),
            Text(
                "A delayed event loop delays everything in the process: its host is overloaded. Above a second a "
                "consumer risks its place in the group.",
                "事件循环延迟会拖慢整个进程：主机过载。超过 1 秒时消费者可能被移出消费者组。",
            ),
            Unit.SECONDS,
            [Metric(f"histogram_quantile(0.99, {delay})", instance)],
            minimum=0,
        ),
        Panel(
            Text("Memory", "内存"),
            Text(
                "A steady rise over days is a leak: restart the process and report it.",
                "数天内持续上升说明内存泄漏：请重启进程并反馈。",
            ),
            Unit.BYTES,
            [Metric(f"process_resident_memory_bytes{of_job}", instance)],
            minimum=0,
        ),
    ]
