"""Metrics that the consumer and the API both export; Prometheus distinguishes the programs by job and instance."""

from liuyan.metrics.metric import Kind, Metric

SHARED = (
    Metric(
        "liuyan_model_info",
        Kind.INFO,
        "1",
        "The loaded model: the first 12 digits of its SHA-256 (model), all of them (sha256), its name, and the "
        "consumer group that uses it (empty in the API and a shadow).",
        "已加载的模型：SHA-256 的前 12 位（model）、完整 SHA-256（sha256）、名称，以及使用它的消费者组"
        "（API 和影子消费者中为空）。",
        labels=("model", "sha256", "name", "group"),
    ),
    Metric(
        "liuyan_model_loading",
        Kind.GAUGE,
        "1",
        "1 while a model is being loaded.",
        "正在加载模型时为 1。",
    ),
    Metric(
        "liuyan_model_load_failures_total",
        Kind.COUNTER,
        "loads",
        "Attempts to load a model that failed; the loaded model remains in use.",
        "加载模型失败的次数；失败后继续使用已加载的模型。",
    ),
    Metric(
        "liuyan_model_behind_seconds",
        Kind.GAUGE,
        "seconds",
        "Time since another model became active that is not loaded yet; 0 if the active model is loaded.",
        "启用新模型后尚未加载它的时间；已加载时为 0。",
    ),
    Metric(
        "liuyan_prediction_cache_hits_total",
        Kind.COUNTER,
        "texts",
        "Texts whose prediction was in the cache.",
        "命中预测缓存的文本数。",
    ),
    Metric(
        "liuyan_prediction_cache_misses_total",
        Kind.COUNTER,
        "texts",
        "Texts that the model computed because the cache had no prediction.",
        "未命中缓存、由模型计算的文本数。",
    ),
    Metric(
        "liuyan_prediction_cache_entries",
        Kind.GAUGE,
        "texts",
        "Texts in the prediction cache.",
        "预测缓存中的文本数。",
    ),
    Metric(
        "liuyan_database_connections",
        Kind.GAUGE,
        "connections",
        "Connections of the database pool by state: in_use or idle.",
        "数据库连接池中的连接数，按状态：in_use（使用中）或 idle（空闲）。",
        labels=("state",),
    ),
    Metric(
        "liuyan_database_connections_maximum",
        Kind.GAUGE,
        "connections",
        "The most connections that the database pool opens.",
        "数据库连接池的最大连接数。",
    ),
    Metric(
        "liuyan_event_loop_delay_seconds",
        Kind.HISTOGRAM,
        "seconds",
        "How much later than requested the event loop ran a timer, sampled four times per second.",
        "事件循环执行定时器的延迟，每秒采样四次。",
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    ),
)

# prometheus_client's ProcessCollector exports these.
PROCESS = (
    Metric(
        "process_resident_memory_bytes",
        Kind.GAUGE,
        "bytes",
        "Memory that the process occupies.",
        "进程占用的物理内存。",
    ),
    Metric(
        "process_virtual_memory_bytes",
        Kind.GAUGE,
        "bytes",
        "Address space of the process.",
        "进程的虚拟内存。",
    ),
    Metric(
        "process_start_time_seconds",
        Kind.GAUGE,
        "seconds",
        "When the process started, in seconds since 1970.",
        "进程启动时间（自 1970 年起的秒数）。",
    ),
    Metric(
        "process_cpu_seconds_total",
        Kind.COUNTER,
        "seconds",
        "CPU time of the process.",
        "进程使用的 CPU 时间。",
    ),
    Metric(
        "process_open_fds",
        Kind.GAUGE,
        "file descriptors",
        "Open files and connections of the process.",
        "进程打开的文件和连接数。",
    ),
    Metric(
        "process_max_fds",
        Kind.GAUGE,
        "file descriptors",
        "The most files and connections that the process may open.",
        "进程可打开的文件和连接数上限。",
    ),
)
