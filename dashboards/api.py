"""API: requests, errors and latency of the admin app and the REST API."""

from dashboards.alerts import (
    API_ERRORS_FAST,
    API_ERRORS_SLOW,
    API_SLOW_FAST,
    API_SLOW_SLOW,
    BACKUP_OLD,
    TARGET_DOWN,
)
from dashboards.promql import RATE, process_panels, quantiles
from dashboards.series import api_errors, api_slow
from dashboards.specification import Dashboard, Draw, Kind, Metric, Panel, Row, Unit
from dashboards.text import Text, same

API_JOB = '{job="liuyan-api"}'
WINDOWS = (("5m", "5 min", "5 分钟"), ("1h", "1 h", "1 小时"), ("6h", "6 h", "6 小时"))

AT_A_GLANCE = Row(
    Text("At a glance", "概览"),
    [
        Panel(
            Text("API processes", "API 进程"),
            Text(
                "Processes that answer Prometheus. If one is missing, look at its log.",
                "响应 Prometheus 的进程数。缺少时请查看其日志。",
            ),
            Unit.COUNT,
            [Metric(f"count(up{API_JOB} == 1) or vector(0)", Text("processes", "进程"))],
            Kind.STAT,
            width=6,
            height=4,
            alerts=[TARGET_DOWN],
        ),
        Panel(
            Text("Share of failed requests (1 h)", "请求失败率（1 小时）"),
            Text(
                "Requests that were answered with 5xx. Look at the errors by route below, then at the log lines with "
                "that request id.",
                "返回 5xx 的请求占比。请在下方查看出错的路由，再按请求 ID 查日志。",
            ),
            Unit.SHARE,
            [Metric(api_errors("1h"), Text("failed", "失败"))],
            Kind.STAT,
            width=6,
            height=4,
            decimals=2,
            alerts=[API_ERRORS_SLOW, API_ERRORS_FAST],
        ),
        Panel(
            Text("Share of slow requests (1 h)", "慢请求占比（1 小时）"),
            Text(
                "Requests that took longer than a second. Look at the slowest routes below and at the load of MySQL.",
                "耗时超过 1 秒的请求占比。请查看下方最慢的路由和 MySQL 负载。",
            ),
            Unit.SHARE,
            [Metric(api_slow("1h"), Text("slow", "慢"))],
            Kind.STAT,
            width=6,
            height=4,
            decimals=2,
            alerts=[API_SLOW_SLOW, API_SLOW_FAST],
        ),
        Panel(
            Text("Sessions", "会话"),
            Text(
                "Sessions of all accounts that have not expired. An unusual number: see the accounts page.",
                "所有账号未过期的会话数。数量异常时请查看账号页面。",
            ),
            Unit.COUNT,
            [Metric("max by (role) (liuyan_sessions)", same("{{role}}"))],
            Kind.STAT,
            width=6,
            height=4,
        ),
    ],
)
REQUESTS = Row(
    Text("Requests", "请求"),
    [
        Panel(
            Text("Requests per second by status", "每秒请求数（按状态码）"),
            Text(
                "4xx are mistakes of clients or refusals; many 429 mean that somebody exceeds a limit. 5xx are ours.",
                "4xx 为客户端错误或被拒绝，429 较多说明有人超出限制；5xx 为服务端错误。",
            ),
            Unit.REQUESTS_PER_SECOND,
            [Metric(f"sum by (status) (rate(liuyan_api_requests_total[{RATE}])) > 0", same("{{status}}"))],
            draw=Draw.STACKED,
            minimum=0,
        ),
        Panel(
            Text("Latency", "延迟"),
            Text(
                "Time until the response is complete, of all routes. If only the 99th percentile rises, one route is "
                "slow.",
                "所有路由的响应时间。仅 99 分位上升说明个别路由变慢。",
            ),
            Unit.SECONDS,
            quantiles("liuyan_api_request_duration_seconds"),
            minimum=0,
        ),
        Panel(
            Text("Slowest routes (95th percentile)", "最慢的路由（95 分位）"),
            Text(
                "The five slowest routes. Lists with a text filter and predictions of long files are naturally slow.",
                "最慢的五个路由。带文本筛选的列表和大文件预测较慢属正常。",
            ),
            Unit.SECONDS,
            [
                Metric(
                    "topk(5, histogram_quantile(0.95, sum by (le, route) "
                    f"(rate(liuyan_api_request_duration_seconds_bucket[{RATE}]))) > 0)",
                    same("{{route}}"),
                )
            ],
            minimum=0,
        ),
        Panel(
            Text("Failed requests and the error budget", "失败请求与错误预算"),
            Text(
                "Share of requests with 5xx by window. Above the lower line the monthly budget lasts five days, above "
                "the upper one two.",
                "各时间窗口的 5xx 占比。超过下方横线时当月预算可用五天，超过上方横线时可用两天。",
            ),
            Unit.SHARE,
            [Metric(api_errors(window), Text(en, zh)) for window, en, zh in WINDOWS],
            minimum=0,
            alerts=[API_ERRORS_SLOW, API_ERRORS_FAST],
        ),
        Panel(
            Text("Slow requests and the latency budget", "慢请求与延迟预算"),
            Text(
                "Share of requests slower than a second by window, with the same two lines.",
                "各时间窗口内耗时超过 1 秒的请求占比，横线含义同左。超过时请查看最慢的路由。",
            ),
            Unit.SHARE,
            [Metric(api_slow(window), Text(en, zh)) for window, en, zh in WINDOWS],
            minimum=0,
            alerts=[API_SLOW_SLOW, API_SLOW_FAST],
        ),
        Panel(
            Text("Errors by route", "各路由的错误"),
            Text(
                "Requests with 5xx. The log has a line with the same route and the request id of each.",
                "返回 5xx 的请求。日志中有对应的路由和请求 ID。",
            ),
            Unit.COUNT,
            [
                Metric(
                    f'sum by (method, route) (increase(liuyan_api_requests_total{{status=~"5.."}}[{RATE}])) > 0',
                    same("{{method}} {{route}}"),
                )
            ],
            draw=Draw.BARS,
            minimum=0,
            empty=Text("No errors", "没有错误"),
        ),
    ],
)
PREDICTIONS = Row(
    Text("Predictions", "预测"),
    [
        Panel(
            Text("Predictions per second by label", "每秒预测数（按标签）"),
            Text(
                "Texts that clients let the API label. A sudden rise is a client that should use Kafka instead.",
                "客户端请求标注的文本数。突增时，该客户端应改用 Kafka。",
            ),
            Unit.PER_SECOND,
            [Metric(f"sum by (label) (rate(liuyan_api_predictions_total[{RATE}]))", same("{{label}}"))],
            draw=Draw.STACKED,
            minimum=0,
        ),
        Panel(
            Text("Duration of a prediction", "预测耗时"),
            Text(
                "Time for one slice of texts. If it rises, the host is overloaded.",
                "标注一组文本的耗时。上升说明主机过载。",
            ),
            Unit.SECONDS,
            quantiles("liuyan_api_prediction_duration_seconds"),
            minimum=0,
        ),
        Panel(
            Text("Requests in progress", "进行中的请求"),
            Text(
                "Requests that wait for predictions, and all in progress. A growing queue needs another API process.",
                "等待预测的请求与所有进行中的请求。持续增长时请增加 API 进程。",
            ),
            Unit.COUNT,
            [
                Metric("sum(liuyan_api_requests_in_flight)", Text("in progress", "进行中")),
                Metric("sum(liuyan_api_prediction_requests_waiting)", Text("wait for predictions", "等待预测")),
            ],
            minimum=0,
        ),
    ],
)
BACKUPS = Row(
    Text("Backups", "备份"),
    [
        Panel(
            Text("Age of the last backup", "最近一次备份"),
            Text(
                "Time since a backup was recorded, and the most that is allowed. If it is too old, look at the log of "
                "the backup job.",
                "距最近一次备份的时间及允许的上限。过旧时请查看备份任务的日志。",
            ),
            Unit.SECONDS,
            [
                Metric("max(liuyan_backup_age_seconds)", Text("last backup", "最近备份")),
                Metric("max(liuyan_backup_target_seconds)", Text("target", "目标")),
            ],
            width=24,
            minimum=0,
            alerts=[BACKUP_OLD],
        ),
    ],
)
PROCESSES = Row(Text("Processes", "进程"), process_panels("liuyan-api"))
ACCOUNTS = Row(
    Text("Accounts and CPU", "账号与 CPU"),
    [
        Panel(
            Text("Attempts to sign in", "登录尝试"),
            Text(
                "Many wrong passwords or `too_many_tries` are an attack: see the audit log for the addresses.",
                "大量密码错误或 too_many_tries 说明受到攻击：请在操作日志中查看来源地址。",
            ),
            Unit.COUNT,
            [Metric(f"sum by (outcome) (increase(liuyan_api_sign_ins_total[{RATE}])) > 0", same("{{outcome}}"))],
            draw=Draw.BARS,
            empty=Text("No attempts", "没有登录"),
            width=12,
            minimum=0,
        ),
        Panel(
            Text("CPU", "CPU"),
            Text(
                "Cores that a process uses. Predictions need most of it; add processes if it stays at the limit.",
                "进程使用的核数。预测占用最多；持续达到上限时请增加进程。",
            ),
            Unit.NONE,
            [Metric(f"rate(process_cpu_seconds_total{API_JOB}[{RATE}])", same("{{instance}}"))],
            width=12,
            minimum=0,
        ),
    ],
)
API = Dashboard(
    "api",
    Text("API", "API"),
    Text("Requests, errors and latency of the admin app and the REST API.", "管理后台与 REST API 的请求、错误与延迟。"),
    [AT_A_GLANCE, REQUESTS, PREDICTIONS, ACCOUNTS, BACKUPS, PROCESSES],
    since="now-6h",
)
