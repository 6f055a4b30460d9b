"""The application: endpoints, problems, documentation and metrics put together."""

from importlib.metadata import version

from fastapi import FastAPI

from liuyan.api import documentation, problems
from liuyan.api.admin.admin import mount_admin
from liuyan.api.admin.language import ChooseLanguage
from liuyan.api.admin.security import SecureAnswers
from liuyan.api.limits import LimitBody
from liuyan.api.metrics import MeasureRequests, Metrics
from liuyan.api.rest import comments, predict
from liuyan.api.services import Services

# 1,000 comments are a few hundred kilobytes; the event loop should not read much more JSON than this at once.
MAXIMUM_BODY = 8 * 1024 * 1024


def create_app(services: Services, metrics: Metrics) -> FastAPI:
    """The API over the store and the model in ``services``; the caller opens and closes both.

    Raises SettingsError when the settings lack the secret that signs forms.
    """
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
    app.state.services = services
    app.include_router(comments.router)
    app.include_router(predict.router)
    documentation.install(app)
    mount_admin(app, services)
    problems.install(app)
    app.add_middleware(LimitBody, maximum=MAXIMUM_BODY)
    app.add_middleware(MeasureRequests, metrics=metrics)
    app.add_middleware(ChooseLanguage, default="en")
    app.add_middleware(SecureAnswers)
    return app
