"""Metrics label requests with route templates, not with paths."""

import pytest

from api.identity.roles import Role
from tests.api.conftest import Api
from tests.api.people import add_person

pytestmark = pytest.mark.timeout(60)


async def test_pages_are_labelled_with_their_route_templates(own_api: Api) -> None:
    person = await add_person(own_api.store, "管理员", Role.ADMIN, now=own_api.clock())
    for path in ("/admin/notices", "/admin/notices/771", "/admin/static/liuyan.css", "/admin/secret-771"):
        await own_api.anonymous.get(path, cookies=person.cookies)

    def requests(route: str, status: str) -> float | None:
        labels = {"method": "GET", "route": route, "status": status}
        return own_api.registry.get_sample_value("liuyan_api_requests_total", labels)

    assert requests("/admin/notices", "200") == 1
    assert requests("/admin/notices/{number}", "404") == 1
    assert requests("/admin/static/{path}", "200") == 1
    assert requests("other", "404") == 1
    # Only labels, because a measured time may contain any digits.
    labels = [sample.labels for metric in own_api.registry.collect() for sample in metric.samples]
    assert labels
    assert "771" not in str(labels)
