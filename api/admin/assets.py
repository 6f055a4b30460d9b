"""Serve the files that pages load: our own, Tabler and icons from the sqladmin package, and Plotly's script.

Only four files of sqladmin, another admin app, are used; its code is never imported.
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
# Path below /static/vendor/ -> distribution and file. The icons' style sheet loads its font from ../webfonts.
VENDOR = {
    "css/tabler.min.css": ("sqladmin", f"{_SQLADMIN}/css/tabler.min.css"),
    "css/fontawesome.min.css": ("sqladmin", f"{_SQLADMIN}/css/fontawesome-all.min.css"),
    "webfonts/fa-solid-900.woff2": ("sqladmin", f"{_SQLADMIN}/webfonts/fa-solid-900.woff2"),
    "js/tabler.min.js": ("sqladmin", f"{_SQLADMIN}/js/tabler.min.js"),
    "js/plotly.min.js": ("plotly", "plotly/package_data/plotly.min.js"),
}


def routes() -> list[BaseRoute]:
    """Return the routes of the files. They are public because the sign-in page needs them."""
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
    """Return the path of a file in its installed package. Raises KeyError for a file that is not in VENDOR."""
    package, file = VENDOR[path]
    return Path(str(distribution(package).locate_file(file)))


def asset_url(request: Request, path: str) -> str:
    """Return the URL of one of our files, with a version that changes when the file does."""
    return _versioned(request, "static", path, STATIC / path)


def vendor_url(request: Request, path: str) -> str:
    """Return the URL of a vendor file, with a version that changes when the file does."""
    return _versioned(request, "vendor", path, vendor_file(path))


def _versioned(request: Request, route: str, path: str, file: Path) -> str:
    address = request.url_for(f"admin:{route}", path=path)
    return str(address.include_query_params(v=_digest(file, file.stat().st_mtime_ns)))


@functools.cache
def _digest(file: Path, changed_at: int) -> str:
    """Return a file's digest. ``changed_at`` is part of the cache key, so edits take effect without a restart."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
