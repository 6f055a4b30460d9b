"""`liuyan api`: serves the REST API."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Serve what is stored, and the model, over HTTP.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Serve what is stored, and the model, over HTTP."""


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8000,
    model: Annotated[
        Path | None, typer.Option(help="Folder of the model artifact; the active model's by default.")
    ] = None,
) -> None:
    """Serve the REST API until Ctrl-C or SIGTERM.

    The database must have been migrated (`liuyan store migrate`). Its address is LIUYAN_DATABASE_URL; /livez, /readyz
    and /metrics are served apart from the API, at LIUYAN_API_ADDRESS.

    Examples:

        liuyan api serve

        liuyan api serve --port 8080

        curl 'http://127.0.0.1:8000/api/v1/comments?label=negative&limit=5'

        curl -H 'Content-Type: application/json' -d '{"texts": ["物流很快"]}' http://127.0.0.1:8000/api/v1/predict
    """
    import asyncio

    from liuyan.api.serve import serve as serve_api
    from liuyan.log import configure_logging
    from liuyan.settings import load_settings

    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    asyncio.run(serve_api(settings, host, port, model_path=model))
