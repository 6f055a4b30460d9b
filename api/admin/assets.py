"""Files that pages load: our own, Tabler and its icons from sqladmin's package, and Plotly's script from its own.

Of sqladmin, which is another admin app, only these four files are used, and its code is never imported.
"""

import functools
import hashlib
from importlib.metadata import distribution
from importlib.resources import files
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

STATIC = Path(str(files("api.admin"))) / "static"
_SQLADMIN = "sqladmin/statics"
# Address below /static/vendor/, and the distribution and place of the file. The icons' style sheet asks for its font
# at ../webfonts.
VENDOR = {
    "css/tabler.min.css": ("sqladmin", f"{_SQLADMIN}/css/tabler.min.css"),
    "css/fontawesome.min.css": ("sqladmin", f"{_SQLADMIN}/css/fontawesome-all.min.css"),
    "webfonts/fa-solid-900.woff2": ("sqladmin", f"{_SQLADMIN}/webfonts/fa-solid-900.woff2"),
    "js/tabler.min.js": ("sqladmin", f"{_SQLADMIN}/js/tabler.min.js"),
    "js/plotly.min.js": ("plotly", "plotly/package_data/plotly.min.js"),
}


def routes() -> list[BaseRoute]:
    """Routes of the files; they are public, as the sign-in page needs them."""
    return [
        Route("/static/vendor/{path:path}", _vendor, name="vendor"),
        Mount("/static", StaticFiles(directory=STATIC), name="static"),
    ]


async def _vendor(request: Request) -> Response:
    path = request.path_params["path"]
    if path not in VENDOR:
        raise HTTPException(404)
    return FileResponse(vendor_file(path))


@functools.cache
def vendor_file(path: str) -> Path:
    """The path of a file in its installed package. Raises KeyError for a file that pages do not use."""
    name, place = VENDOR[path]
    return Path(str(distribution(name).locate_file(place)))


def asset_url(request: Request, path: str) -> str:
    """The address of one of our own files, with a version that changes when the file does."""
    return _versioned(request, "static", path, STATIC / path)


def vendor_url(request: Request, path: str) -> str:
    """The address of a file of a package, with a version that changes when the file does."""
    return _versioned(request, "vendor", path, vendor_file(path))


def _versioned(request: Request, route: str, path: str, file: Path) -> str:
    address = request.url_for(f"admin:{route}", path=path)
    return str(address.include_query_params(v=_digest(file, file.stat().st_mtime_ns)))


@functools.cache
def _digest(file: Path, changed_at: int) -> str:
    """The digest of a file; ``changed_at`` keys the cache, so that edits count without a restart."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
