"""Declare the API's metrics, and measure every request in a middleware."""

from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """All metrics of the API."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "liuyan_api_requests",
            "HTTP requests that were answered, by route template.",
            ["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "liuyan_api_request_seconds",
            "Seconds from a request's arrival to the end of its answer.",
            ["method", "route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.requests_in_flight = Gauge(
            "liuyan_api_requests_in_flight", "HTTP requests that are being answered now.", registry=registry
        )
        self.predictions = Counter(
            "liuyan_api_predictions", "Texts that the model labelled for the API.", ["label"], registry=registry
        )
        self.prediction_seconds = Histogram(
            "liuyan_api_prediction_seconds",
            "Seconds that the worker needed for one slice of texts.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )
        self.predictions_waiting = Gauge(
            "liuyan_api_prediction_requests_waiting",
            "Prediction requests that wait for the worker or have it.",
            registry=registry,
        )
        self.answers_cached = Counter(
            "liuyan_api_answers_cached", "Texts whose answer was known already.", registry=registry
        )


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
