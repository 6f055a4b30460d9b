"""Metrics of the API's requests; database.py has those that the API reads from the database."""

from liuyan.metrics.metric import Kind, Metric

REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)

API = (
    Metric(
        "liuyan_api_requests_total",
        Kind.COUNTER,
        "requests",
        "HTTP requests by method, route template and status.",
        "HTTP 请求数，按方法、路由模板和状态码。",
        labels=("method", "route", "status"),
    ),
    Metric(
        "liuyan_api_request_duration_seconds",
        Kind.HISTOGRAM,
        "seconds",
        "Time from a request's arrival to the end of its response, by method and route template.",
        "从收到请求到响应结束的时间，按方法和路由模板。",
        labels=("method", "route"),
        buckets=REQUEST_SECONDS,
    ),
    Metric(
        "liuyan_api_requests_in_flight",
        Kind.GAUGE,
        "requests",
        "HTTP requests in progress.",
        "正在处理的 HTTP 请求数。",
    ),
    Metric(
        "liuyan_api_predictions_total",
        Kind.COUNTER,
        "texts",
        "Texts labelled for requests, by label.",
        "应请求标注的文本数，按标签。",
        labels=("label",),
    ),
    Metric(
        "liuyan_api_prediction_duration_seconds",
        Kind.HISTOGRAM,
        "seconds",
        "Time in which the worker labelled one slice of texts.",
        "工作线程标注一组文本的耗时。",
        buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
    ),
    Metric(
        "liuyan_api_prediction_requests_waiting",
        Kind.GAUGE,
        "requests",
        "Prediction requests that wait for the worker or are being labelled.",
        "等待标注或正在标注的请求数。",
    ),
    Metric(
        "liuyan_api_sign_ins_total",
        Kind.COUNTER,
        "sign-ins",
        "Attempts to sign in by outcome: signed_in, wrong_name_or_password, password_expired, passwords_disabled, "
        "code_required (the password was right, a second factor follows), wrong_code, sso_refused, no_role, "
        "provider_unavailable, account_waits, account_disabled, too_many_tries, error.",
        "登录次数，按结果：signed_in 成功、wrong_name_or_password 用户名或密码错误、password_expired "
        "临时密码已过期、passwords_disabled 已停用密码登录、code_required 密码正确，等待验证码、wrong_code 验证码错误、"
        "sso_refused 单点登录被拒绝、no_role 没有角色、provider_unavailable 登录服务不可用、account_waits 等待批准、"
        "account_disabled 已停用、too_many_tries 尝试过多、error 出错。",
        labels=("outcome",),
    ),
)
