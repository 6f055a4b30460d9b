"""Paths that may hold anything: an id is whatever its platform calls a comment, line feeds included."""

from starlette.convertors import Convertor, register_url_convertor
from starlette.routing import Mount, compile_path
from starlette.types import ASGIApp


class _AnythingConvertor(Convertor[str]):
    """The rest of the path, whatever is in it; the library's `path` does not match a line feed."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("anything", _AnythingConvertor())


class MountAll(Mount):
    """A mount that takes every path below its own, where the library's leaves paths with a line feed to nobody."""

    def __init__(self, path: str, app: ASGIApp, name: str) -> None:
        super().__init__(path, app, name=name)
        self.path_regex, self.path_format, self.param_convertors = compile_path(f"{self.path}/{{path:anything}}")
