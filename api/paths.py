"""Match paths that contain any characters: a comment's id is arbitrary text and may contain line feeds."""

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Mount, compile_path
from starlette.types import ASGIApp


class _AnythingConvertor(Convertor[str]):
    """The rest of the path. Starlette's `path` convertor does not match line feeds."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", _AnythingConvertor())


class MountAll(Mount):
    """A mount that matches every path below its own. Starlette's Mount does not match paths with line feeds."""

    def __init__(self, path: str, app: ASGIApp, name: str) -> None:
        super().__init__(path, app, name=name)
        self.path_regex, self.path_format, self.param_convertors = compile_path(f"{self.path}/{{path:anything}}")
