"""Serve /docs and /openapi.json. The page loads nothing from other hosts."""

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
SUMMARY = "Sentiment labels for the comments that platforms publish, and for any text."
DESCRIPTION = """\
Liuyan labels comments as **positive** or **negative** as they arrive. Reviewers can correct every label.

- *comments* are published through Kafka (see the project's producer examples) and read here.
- *predictions* label texts without storing them.

Every endpoint requires authentication. Create a token under *My account* in the admin app (`/admin`) and send it as
`Authorization: Bearer …`. Its role determines what it can do: a *user* labels texts and reads counts of labels, a
*reviewer* also reads and corrects comments, and an *admin* also does everything else. A signed-in browser needs no
token, but must send the header `X-CSRFToken` with every change.

Tokens cannot change accounts, passwords, sessions or tokens (`session_required`). Changes that grant access also
require a session confirmed within the last 15 minutes (`confirmation_required`): by signing in or by
`POST /api/v1/account/confirm`. Scripts use the commands of `liuyan api` instead.

Times are RFC 3339; responses use UTC. Errors are RFC 9457 problem details (`application/problem+json`): `code` is for
programs, `detail` is one sentence for people.
"""
TAGS = [
    {"name": "comments", "description": "Stored comments, their labels and their history."},
    {"name": "reviews", "description": "The review queue, single and bulk reviews, and their export."},
    {"name": "predictions", "description": "The model's labels for texts."},
    {"name": "analytics", "description": "Labels, corrections, accuracy, agreement and keywords."},
    {"name": "notices", "description": "Announcements by administrators to everyone who signs in."},
    {"name": "dead letters", "description": "Records that broke the contract: requeue or discard them."},
    {"name": "platforms", "description": "Labels, trend and rejected events of one platform, for its own team."},
    {"name": "models", "description": "The registered models, and which one is active."},
    {"name": "account", "description": "The caller's own account: password, sessions and tokens."},
    {"name": "users", "description": "All accounts, for administrators."},
    {"name": "privacy", "description": "What is stored about an author: export and erase it."},
    {"name": "audit", "description": "The audit log: who changed what, and when."},
]
DOCS_PAGE = f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE}: API</title>
<link rel="stylesheet" href="docs/assets/swagger-ui.css">
<link rel="icon" href="docs/assets/favicon.png">
<p style="margin: 1rem"><a href="admin/" lang="zh">返回留言管理后台</a> · <a href="admin/">Back to the admin app</a></p>
<div id="documentation"></div>
<script src="docs/assets/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</html>
"""
# Without validatorUrl: null, Swagger UI sends the document's URL to a public validator.
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
    """Return the folder with Swagger UI's files, which fastapi-offline ships."""
    return Path(str(files("fastapi_offline") / "static"))
