"""Assemble the application from endpoints, pages, problems, documentation and middleware."""

from importlib.metadata import version

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from api import documentation, problems
from api.admin.admin import mount_admin
from api.admin.security import SecureAnswers
from api.hosts import CheckHost
from api.i18n import ChooseLanguage
from api.identity.refusals import RecordRefusals
from api.limits import BodyRules, LimitBodies
from api.metrics import MeasureRequests
from api.request_ids import RequestIds
from api.rest import (
    account,
    agreement,
    analytics,
    audit,
    authors,
    changes,
    comments,
    comparisons,
    dead_letters,
    detections,
    models,
    notices,
    platforms,
    predict,
    predict_file,
    review_export,
    review_groups,
    reviews,
    users,
)
from api.services import Services

# The resources under /api/v1, in the order in which OpenAPI lists them.
RESOURCES = (
    comments,
    review_export,
    review_groups,
    reviews,
    predict,
    predict_file,
    detections,
    analytics,
    changes,
    agreement,
    notices,
    dead_letters,
    platforms,
    models,
    comparisons,
    account,
    users,
    authors,
    audit,
)


def create_app(services: Services, bodies: BodyRules | None = None) -> FastAPI:
    """Return the application for ``services``; the caller opens and closes its store and predictor.

    Raises SettingsError if the settings lack the secret key that signs forms.
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
    # First, because every page looks up a dozen of the admin app's addresses, and a look-up tries routes in order.
    mount_admin(app, services)
    for resource in RESOURCES:
        app.include_router(resource.router)
    documentation.install(app)
    problems.install(app)
    app.add_middleware(LimitBodies, rules=bodies)
    app.add_middleware(RecordRefusals)
    app.add_middleware(MeasureRequests, metrics=services.metrics)
    app.add_middleware(ChooseLanguage, default="en")
    app.add_middleware(CheckHost, allowed_hosts=services.settings.allowed_hosts)
    app.add_middleware(SecureAnswers)
    # Everything inside relies on the client's address and scheme.
    app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(services.settings.trusted_proxies))
    # Outermost, so that every response and every log line has the id.
    app.add_middleware(RequestIds)
    return app
