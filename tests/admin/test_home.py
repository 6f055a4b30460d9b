"""The home page: what everybody should know, and what waits to be done."""

import pytest

from liuyan.api.identity.roles import Role
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot

pytestmark = pytest.mark.timeout(120)


async def test_home_greets_whoever_signs_in(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN)
    assert await page.title() == "首页 · 留言 Liuyan"
    await shot(page, "home")
    await check_accessibility(page)
