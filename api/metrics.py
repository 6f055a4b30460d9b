"""The API's metrics, which ``liuyan.metrics`` declares, and a middleware that measures every request."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import ProblemError
from liuyan.metrics.declared import API_METRICS
from liuyan.metrics.exporter import Exporter
from liuyan.metrics.shared import SharedMetrics, model_label
from model.labeller import Labeller

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PREFIX = "liuyan_api_"
# Problems of a refused sign-in; other failures are counted as `error`.
REFUSED_SIGN_INS = (
    "wrong_name_or_password",
    "password_expired",
    "passwords_disabled",
    "code_required",
    "wrong_code",
    "sso_refused",
    "no_role",
    "provider_unavailable",
    "account_waits",
    "account_disabled",
    "too_many_tries",
)


class Metrics:
    """All metrics of the API."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Exporter(API_METRICS, registry)
        self.shared = SharedMetrics(make)
        self.requests = make.counter(f"{PREFIX}requests_total")
        self.request_seconds = make.histogram(f"{PREFIX}request_duration_seconds")
        self.requests_in_flight = make.gauge(f"{PREFIX}requests_in_flight")
        self.predictions = make.counter(f"{PREFIX}predictions_total")
        self.prediction_seconds = make.histogram(f"{PREFIX}prediction_duration_seconds")
        self.predictions_waiting = make.gauge(f"{PREFIX}prediction_requests_waiting")
        self._sign_ins = make.counter(f"{PREFIX}sign_ins_total")
        self.queue_comments = make.gauge("liuyan_review_queue_comments")
        self.queue_oldest_age = make.gauge("liuyan_review_queue_oldest_age_seconds")
        self.reviews = make.gauge("liuyan_reviews")
        self.corrections = make.gauge("liuyan_corrections")
        self.audit_sample = make.gauge("liuyan_audit_sample_comments")
        self.audit_accuracy = make.gauge("liuyan_audit_accuracy_ratio")
        self.audit_accuracy_lower = make.gauge("liuyan_audit_accuracy_lower_ratio")
        self.audit_accuracy_upper = make.gauge("liuyan_audit_accuracy_upper_ratio")
        self._card_accuracy = make.gauge("liuyan_model_card_accuracy_ratio")
        self.last_hour_comments = make.gauge("liuyan_last_hour_comments")
        self.sessions = make.gauge("liuyan_sessions")
        self.backup_age = make.gauge("liuyan_backup_age_seconds")
        self.backup_target = make.gauge("liuyan_backup_target_seconds")
        self.missing = make.gauge("liuyan_missing_predictions")
        self.missing_oldest_age = make.gauge("liuyan_missing_predictions_oldest_age_seconds")
        self.replay_done = make.gauge("liuyan_replay_records_done")
        self.replay_remaining = make.gauge("liuyan_replay_records_remaining")
        self.replay_comments = make.gauge("liuyan_replay_comments")
        self.shadow_lag = make.gauge("liuyan_shadow_lag")
        for outcome in ("signed_in", *REFUSED_SIGN_INS, "error"):
            self._sign_ins.labels(outcome)

    def use_model(self, labeller: Labeller) -> None:
        """Export the model that labels from now on."""
        self.shared.use_model(labeller.sha256, labeller.name)
        self._card_accuracy.clear()
        if labeller.test_accuracy is not None:
            self._card_accuracy.labels(model_label(labeller.sha256)).set(labeller.test_accuracy)

    @contextmanager
    def count_sign_in(self) -> Iterator[None]:
        """Count the block as an attempt to sign in."""
        outcome = "error"
        try:
            yield
            outcome = "signed_in"
        except ProblemError as error:
            outcome = error.code if error.code in REFUSED_SIGN_INS else outcome
            raise
        finally:
            self._sign_ins.labels(outcome).inc()


class MeasureRequests:
    """Counts and times requests by route template, so that ids in paths do not create new series."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # A request without a response failed in the server, or its client disconnected.
        status = 500

        async def measured_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began = perf_counter()
        with self.metrics.requests_in_flight.track_inprogress():
            try:
                await self.app(scope, receive, measured_send)
            finally:
                method = scope["method"] if scope["method"] in METHODS else "other"
                route = scope.get("template") or getattr(scope.get("route"), "path_format", "other")
                self.metrics.requests.labels(method, route, status).inc()
                self.metrics.request_seconds.labels(method, route).observe(perf_counter() - began)
