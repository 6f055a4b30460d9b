"""Tests of the dead letter pages: filters, requeue, discard, delete, and the display of any bytes."""

import re
from dataclasses import replace

import pytest
from playwright.async_api import Dialog, expect
from sqlalchemy import update

from api.admin.dead_letter_details import detail_words
from api.admin.dead_letter_words import REASON_WORDS
from api.admin.dead_letters import readable, readable_line
from api.i18n import get_locale, set_locale
from api.identity.roles import Role
from consumer.event import Reason, Rejection, parse
from store.dead_letter_admin import DeadLetterFilter, DeadLetterState, list_dead_letters
from store.tables import dead_letters
from tests.admin.conftest import Visits
from tests.admin.looking import check_accessibility, shot
from tests.store.feed import PARTITION, dead_letter

pytestmark = pytest.mark.timeout(120)
MARKUP = '{"text": "<img src=x onerror=alert(1)>"}'


async def test_dead_letters_are_shown_requeued_and_discarded(visits: Visits) -> None:
    feed = visits.site.feed
    page = await visits.open(Role.ADMIN, "/admin/dead-letters")
    await expect(page.get_by_text("没有未解决的死信")).to_be_visible()
    await shot(page, "dead-letters-empty")
    await feed.send(
        dead_letter(feed.offset, value=MARKUP.encode(), headers=(("trace", b"\xfe\xff"), ("empty", None))),
        dead_letter(feed.offset + 1, key=b"\xff\x00", value=bytes(range(256))),
        dead_letter(feed.offset + 2, key=None, value=None),
    )
    await page.reload()
    assert await page.locator("tbody tr").count() == 3
    await shot(page, "dead-letters")
    await check_accessibility(page)

    await page.locator("tbody tr").nth(2).get_by_role("link").click()
    await expect(page.locator("pre").last).to_have_text(MARKUP)
    await expect(page.locator("pre").nth(1)).to_contain_text("trace: fe ff")
    await shot(page, "dead-letter")
    await check_accessibility(page)
    await page.get_by_role("button", name="重新发布").click()
    await expect(page.get_by_role("alert")).to_contain_text("将重新发布 1 条死信")
    await expect(page.locator("main")).to_contain_text("由 小管 重新发布")

    await page.get_by_role("link", name="全部死信").click()
    await page.get_by_label("本页全选").check()
    await page.get_by_role("button", name="搁置所选").click()
    await expect(page.get_by_role("alert")).to_contain_text("已搁置 3 条死信")
    await page.get_by_label("状态").select_option("discarded")
    await page.get_by_role("button", name="应用筛选").click()
    assert await page.locator("tbody tr").count() == 3
    letters = await feed.store.read(list_dead_letters, DeadLetterFilter(states=frozenset()), 9)
    assert {letter.state for letter in letters} == {DeadLetterState.DISCARDED}


@pytest.mark.parametrize(
    ("language", "delete", "question", "delete_chosen", "done_one", "done_two"),
    [
        ("zh-CN", "删除", "永久删除这条死信及其记录？", "删除所选", "已删除 1 条死信", "已删除 2 条死信"),
        (
            *("en-US", "Delete", "Delete this dead letter and its record permanently?", "Delete selected"),
            *("1 dead letter was deleted", "2 dead letters were deleted"),
        ),
    ],
)
async def test_dead_letters_are_deleted_after_a_confirmation(
    visits: Visits, language: str, delete: str, question: str, delete_chosen: str, done_one: str, done_two: str
) -> None:
    feed = visits.site.feed
    topic = f"delete-{language}"
    await feed.send(*(dead_letter(n, partition=replace(PARTITION, topic=topic)) for n in range(4)))

    async def left() -> list[int]:
        wanted = DeadLetterFilter(topic=topic, states=frozenset())
        return [letter.number for letter in await feed.store.read(list_dead_letters, wanted, 9)]

    before = await left()
    page = await visits.open(Role.ADMIN, f"/admin/dead-letters/{before[0]}", language=language)
    questions = []

    async def decline(dialog: Dialog) -> None:
        questions.append(dialog.message)
        await dialog.dismiss()

    page.once("dialog", decline)
    await page.get_by_role("button", name=delete, exact=True).click()
    assert questions == [question]
    assert await left() == before

    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name=delete, exact=True).click()
    await expect(page.get_by_role("alert")).to_contain_text(done_one)
    assert page.url.endswith("/admin/dead-letters")
    assert await left() == before[1:]

    for number in before[1:3]:
        await page.locator(f"input[name=numbers][value='{number}']").check()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name=delete_chosen).click()
    await expect(page.get_by_role("alert")).to_contain_text(done_two)
    assert await left() == before[3:]

    await page.goto(page.url.partition("?")[0] + f"?topic={topic}")
    await page.locator("input[name=all]").check()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name=delete_chosen).click()
    await expect(page.get_by_role("alert")).to_contain_text(done_one)
    assert await left() == []


async def test_resolved_dead_letters_can_only_be_deleted(visits: Visits) -> None:
    feed = visits.site.feed
    await feed.send(dead_letter(partition=replace(PARTITION, topic="resolved")))
    async with feed.store.writing() as session:
        change = update(dead_letters).where(dead_letters.c.topic == "resolved").values(state=DeadLetterState.RESOLVED)
        await session.connection.execute(change)
    page = await visits.open(Role.ADMIN, "/admin/dead-letters?state=resolved&topic=resolved")
    await expect(page.get_by_role("button", name="重新发布所选")).to_have_count(0)
    await expect(page.get_by_label("对筛选出的全部待处理死信操作")).to_have_count(0)
    await page.get_by_label("本页全选").check()
    page.once("dialog", lambda dialog: dialog.accept())
    await page.get_by_role("button", name="删除所选").click()
    await expect(page.get_by_role("alert")).to_contain_text("已删除 1 条死信")
    wanted = DeadLetterFilter(topic="resolved", states=frozenset())
    assert await feed.store.read(list_dead_letters, wanted, 9) == []


async def test_action_without_selection_changes_nothing(visits: Visits) -> None:
    feed = visits.site.feed
    await feed.send(dead_letter(feed.offset))
    page = await visits.open(Role.ADMIN, "/admin/dead-letters?reason=json")
    await page.get_by_role("button", name="重新发布所选").click()
    await expect(page.get_by_role("alert")).to_contain_text("请先选择至少一条死信")
    assert page.url.endswith("/admin/dead-letters?reason=json")
    await page.get_by_label("对筛选出的全部待处理死信操作").check()
    await page.get_by_role("button", name="重新发布所选").click()
    await expect(page.get_by_role("alert")).to_contain_text("将重新发布 1 条死信")


async def test_filter_without_matches_says_so_and_is_escaped(visits: Visits) -> None:
    page = await visits.open(Role.ADMIN, "/admin/dead-letters?topic=%25&reason=' OR 1=1 --&state=nonsense")
    await expect(page.get_by_text("没有符合筛选条件的死信")).to_be_visible()
    await expect(page.get_by_label("主题")).to_have_value("%")
    await page.get_by_role("link", name="显示未解决的死信").click()
    assert page.url.endswith("/admin/dead-letters")


@pytest.mark.parametrize("path", ["999999", str(2**63), "0"])
async def test_unknown_dead_letter_shows_error_page(visits: Visits, path: str) -> None:
    visits.allow("status of 404")
    page = await visits.open(Role.ADMIN, f"/admin/dead-letters/{path}")
    await expect(page.get_by_role("heading", name="页面不存在")).to_be_visible()


def test_utf8_is_shown_as_text_and_other_bytes_as_hex() -> None:
    assert readable(None) == ""
    assert readable("好评 👍\n".encode()) == "好评 👍\n"
    assert readable(b"a\x00b\x1b[31m") == "a\\x00b\\x1b[31m"
    assert readable("‮evil".encode()) == "\\u202eevil"
    assert readable(b"\xff" * 17).splitlines() == [
        "000000  " + "ff " * 16 + " " + "." * 16,
        "000010  ff" + " " * 47 + ".",
    ]
    assert readable("好".encode() * 9, limit=10) == "好好好"
    assert readable_line(b"\xff\x00") == "ff 00"
    assert readable_line("好".encode() * 999) == "好" * 170


async def test_reasons_are_translated(visits: Visits) -> None:
    feed = visits.site.feed
    refused = dead_letter(feed.offset, key=b"words:1")
    detail = "field text: must not be empty"
    await feed.send(
        replace(refused, reason=Reason.INVALID_FIELD, detail=detail),
        replace(dead_letter(feed.offset + 1), reason="of_another_version", detail="something\x1b[31m new"),
    )
    page = await visits.open(Role.ADMIN, "/admin/dead-letters")
    row = page.locator("tbody tr").filter(has_text="字段缺失或不符合约定")
    await expect(row).to_contain_text("invalid_field")
    await expect(row).to_contain_text("详细说明： 字段 text 不能为空")
    await expect(page.locator("tbody tr").filter(has_text="of_another_version")).to_contain_text(
        r"something\x1b[31m new"
    )
    assert await page.get_by_label("原因").locator("option").nth(1).inner_text() == "字段缺失或不符合约定 (1)"
    await page.get_by_label("原因").select_option("invalid_field")
    await page.get_by_role("button", name="应用筛选").click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.get_by_label("原因")).to_have_value("invalid_field")
    await shot(page, "dead-letters-reasons")
    await check_accessibility(page)
    await page.locator("tbody tr").get_by_role("link").click()
    await expect(page.locator("main")).to_contain_text("字段缺失或不符合约定")
    await expect(page.locator("main [lang=en]")).to_have_text(detail)
    # Publishing the same record again cannot help, so the button is not the primary one.
    await expect(page.get_by_text("重新发布无济于事")).to_be_visible()
    await expect(page.get_by_role("button", name="重新发布")).not_to_have_class(re.compile("btn-primary"))
    await shot(page, "dead-letter-reason")
    english = await visits.open(Role.ADMIN, "/admin/dead-letters", language="en-US")
    await expect(english.locator("tbody tr").filter(has_text="A field is missing")).to_have_count(1)


def test_every_reason_of_the_contract_has_a_text() -> None:
    assert set(REASON_WORDS) == set(Reason)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (b"p:1", b"[1]", "内容是 JSON，但不是对象"),
        (b"p:1", b'{"id": "1"}', "缺少字段 platform"),
        (b"p:1", b"{", "内容不是 JSON：第 2 个字符处出错"),
        (b"p:2", b'{"platform": "p", "id": "1", "text": "a", "created_at": "2026-01-01T00:00:00Z"}', "键与内容的"),
        (None, None, "墓碑消息没有键"),
        (b"p:1", b"\xff", "内容在第 0 字节处不是 UTF-8"),
    ],
)
def test_details_of_the_contract_are_translated(key: bytes | None, value: bytes | None, words: str) -> None:
    rejection = parse(key, value, 0)
    assert isinstance(rejection, Rejection)
    before = get_locale()
    set_locale("zh")
    try:
        assert words in detail_words(rejection.detail)
        assert detail_words("another version's sentence") == "another version's sentence"
        set_locale("en")
        assert detail_words(rejection.detail) == rejection.detail
    finally:
        set_locale(before)
