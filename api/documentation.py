"""What a stranger reads: /docs and the words of OpenAPI. The page loads nothing from elsewhere."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response

from api.problems import Problem

TITLE = "Liuyan"
SUMMARY = "Labels of the comments that platforms publish, and of any text."
DESCRIPTION = """\
Liuyan labels comments as **positive** or **negative** while they arrive, and keeps every label reviewable.

- *comments* are read here and published through Kafka (the project's producer examples show how).
- *predictions* label texts that are stored nowhere.

Everything asks who you are. Send `Authorization: Bearer …` with a token that you created under *My account* of the
admin app (`/admin`); it may do what its role may: a *user* labels texts, a *reviewer* reads and corrects comments, an
*admin* does the rest. A browser that is signed in may leave the token out, and sends the header `X-CSRFToken` with
changes.

A token changes no account, password, session or token (`session_required`). What gives access also needs a session
whose password was given within 15 minutes (`confirmation_required`), at sign-in or by `POST /api/v1/account/confirm`.
Scripts use the commands of `liuyan api` instead.

Times are RFC 3339; answers give them in UTC. Errors are RFC 9457 problem details (`application/problem+json`):
`code` is for programs, `detail` one sentence for people.
"""
TAGS = [
    {"name": "comments", "description": "What is stored: comments, their labels and their history."},
    {"name": "reviews", "description": "What people decide: the queue, reviews one by one and in bulk, their export."},
    {"name": "predictions", "description": "What the model says of a text."},
    {"name": "analytics", "description": "Labels, corrections, accuracy, agreement and telling words."},
    {"name": "notices", "description": "What administrators tell everybody who signs in."},
    {"name": "dead letters", "description": "Records that broke the contract: publish them again, or put them aside."},
    {"name": "models", "description": "Which models were used, and whose labels are shown."},
    {"name": "account", "description": "One's own account: password, sessions and tokens."},
    {"name": "users", "description": "Everybody's accounts, for administrators."},
    {"name": "audit", "description": "Who changed what, and when."},
]
DOCS_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}: API</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="icon" href="docs/assets/favicon.png">
<div id="documentation"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
# validatorUrl null: Swagger UI would otherwise send the document's address to a public validator.
START_SCRIPT = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#documentation",
  deepLinking: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""


def install(app: FastAPI) -> None:
    """Add /docs and /openapi.json to ``app``."""
    app.mount("/docs/assets", StaticFiles(directory=_assets()), name="docs-assets")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(DOCS_PAGE)

    @app.get("/docs/start.js", include_in_schema=False)
    async def start_script() -> Response:
        return Response(START_SCRIPT, media_type="text/javascript")

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign] # FastAPI's documented way to extend the document


def _describe(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=TAGS,
        servers=[{"url": "/", "description": "This server."}],
        license_info=None,
    )
    # Problems are declared by reference (see problems.documented), so FastAPI does not see their schemas.
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    document["components"]["schemas"] |= {**problem.pop("$defs"), "Problem": problem}
    return document


def _assets() -> Path:
    """The files of Swagger UI, which fastapi-offline carries."""
    return Path(str(files("fastapi_offline") / "static"))
