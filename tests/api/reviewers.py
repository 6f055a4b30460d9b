"""Reviewers for tests of the review endpoints, and short forms of the comments that they name."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.identity.roles import Role
from tests.api.people import Person, add_person

if TYPE_CHECKING:
    from tests.api.conftest import Api

REVIEWS = "/api/v1/reviews"
Json = dict[str, Any]


@dataclass(frozen=True)
class Reviewer:
    """A person with the role reviewer, and requests as that person."""

    api: "Api"
    person: Person

    async def post(self, path: str, body: Json, status: int = 200) -> Json:
        answer = await self.api.anonymous.post(REVIEWS + path, json=body, headers=self.person.bearer)
        assert answer.status_code == status, answer.text
        found: Json = answer.json() if answer.content else {}
        return found

    async def get(self, path: str = "", **parameters: str | int | bool) -> Json:
        answer = await self.api.anonymous.get(REVIEWS + path, params=parameters, headers=self.person.bearer)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def next(self, count: int = 1, **request: object) -> list[Json]:
        items: list[Json] = (await self.post("/next", {"count": count, **request}))["items"]
        return items

    async def review(self, comment: Json, label: str, status: int = 201, **more: object) -> Json:
        return await self.post("", {**seen(comment), "label": label, **more}, status)


def seen(comment: Json) -> Json:
    return {name: comment[name] for name in ("platform", "id", "version")}


def named(comment: Json) -> Json:
    return {name: comment[name] for name in ("platform", "id")}


def ids(tasks: list[Json]) -> list[str]:
    return [task["comment"]["id"] for task in tasks]


async def add_reviewer(api: "Api", name: str) -> Reviewer:
    """Create an account with the role reviewer."""
    return Reviewer(api, await add_person(api.store, name, Role.REVIEWER, now=api.clock()))
