"""The application: endpoints, problems, documentation and metrics put together."""

from importlib.metadata import version

from fastapi import FastAPI

from liuyan.api import documentation, problems
from liuyan.api.limits import LimitBody
from liuyan.api.metrics import MeasureRequests, Metrics
from liuyan.api.predictor import Predictor
from liuyan.api.rest import comments, predict
from liuyan.api.services import Services
from liuyan.store.store import Store

# 1,000 comments are a few hundred kilobytes; the event loop should not read much more JSON than this at once.
MAXIMUM_BODY = 8 * 1024 * 1024


def create_app(store: Store, predictor: Predictor, metrics: Metrics) -> FastAPI:
    """The API over ``store`` and ``predictor``; the caller opens and closes both."""
    app = FastAPI(
        title=documentation.TITLE,
        summary=documentation.SUMMARY,
        description=documentation.DESCRIPTION,
        version=version("liuyan"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.services = Services(store, predictor)
    app.include_router(comments.router)
    app.include_router(predict.router)
    documentation.install(app)
    problems.install(app)
    app.add_middleware(LimitBody, maximum=MAXIMUM_BODY)
    app.add_middleware(MeasureRequests, metrics=metrics)
    return app
