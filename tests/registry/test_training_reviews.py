"""Reviews in the database as training data: the right texts, weights and reviewers, and nothing that is held back."""

from datetime import UTC, datetime

from sqlalchemy import select

from model.training.data import REVIEWS
from model.training.gathering import Places, gather_comments
from model.training.options import Options
from model.training.review_records import describe_reviews
from model.training.reviews import Review
from registry.training_reviews import read_database_reviews
from store.accounts import NewUser, add_user, update_user
from store.audit import Actor
from store.comments import ShownLabel
from store.group_decisions import decide_group, take_steps
from store.reviews import Opinion, add_review
from store.store import Store
from store.tables import comments
from tests.store.feed import Feed, arrival, microseconds, minutes, send_sampled

POSITIVE, NEGATIVE = ShownLabel.POSITIVE, ShownLabel.NEGATIVE
NOW = datetime(2026, 2, 1, tzinfo=UTC)


async def person(store: Store, name: str, role: str = "reviewer") -> Actor:
    """Add an account."""
    async with store.writing() as session:
        user = NewUser(name, "-", role, "active")
        number = await add_user(session, user, NOW)
    return Actor(number, name, "session", None, by_user=role == "user")


async def decide(store: Store, who: Actor, id: str, label: ShownLabel, edited: float = 0) -> None:
    await add_review(store, who, Opinion("forum", id, microseconds(minutes(edited)), label))


async def reviews(store: Store, *, user_labels: bool = False) -> dict[str, Review]:
    """Return the reviews for training by text."""
    found = await read_database_reviews(store, user_labels=user_labels)
    return {one.text: one for one in found.reviews}


async def test_the_newest_reviewed_text_of_a_comment_is_used(feed: Feed) -> None:
    store = feed.store
    li = await person(store, "li")
    await feed.send(arrival("1", "原来的话"), arrival("2", "改前"), arrival("3", "说不清"), arrival("4", "广告"))
    await decide(store, li, "1", POSITIVE)
    await feed.send(arrival("1", "新的话", edited=5))
    await decide(store, li, "1", NEGATIVE, edited=5)
    await decide(store, li, "2", POSITIVE)
    await feed.send(arrival("2", "改后", edited=5))
    await decide(store, li, "3", ShownLabel.UNCLEAR)
    await decide(store, li, "4", ShownLabel.SPAM)
    found = await reviews(store)
    assert {text: one.positive for text, one in found.items()} == {
        "新的话": False,
        "改前": True,
        "说不清": None,
        "广告": None,
    }
    gathered = gather_comments(Places(None, snownlp=False, database_reviews=list(found.values())), Options())
    assert {one.text: one.positive for one in gathered.comments.values()} == {"新的话": False, "改前": True}


async def test_disagreement_lowers_the_weight(feed: Feed) -> None:
    store = feed.store
    li, wang, zhao = [await person(store, name) for name in ("li", "wang", "zhao")]
    await feed.send(*(arrival(id, f"文本{id}") for id in "1234"))
    for who in (li, wang):
        await decide(store, who, "1", POSITIVE)
    await decide(store, li, "2", POSITIVE)
    await decide(store, wang, "2", NEGATIVE)
    await decide(store, li, "3", POSITIVE)
    await decide(store, wang, "3", NEGATIVE)
    await decide(store, zhao, "3", NEGATIVE)
    await decide(store, li, "4", POSITIVE)
    await decide(store, li, "4", NEGATIVE)
    found = await reviews(store)
    assert {text: (one.positive, round(one.agreement, 3)) for text, one in found.items()} == {
        "文本1": (True, 1.0),
        "文本3": (False, 0.667),
        "文本4": (False, 1.0),
    }
    places = Places(None, snownlp=False, database_reviews=list(found.values()))
    weights = {one.text: round(one.weight, 2) for one in gather_comments(places, Options()).comments.values()}
    assert weights == {"文本1": 10.0, "文本3": 6.67, "文本4": 10.0}


async def test_labels_of_users_are_used_on_request(feed: Feed) -> None:
    store = feed.store
    user, li = await person(store, "user", "user"), await person(store, "li")
    await feed.send(*(arrival(id, f"文本{id}") for id in "12"))
    await decide(store, user, "1", POSITIVE)
    await decide(store, user, "2", POSITIVE)
    await decide(store, li, "2", POSITIVE)
    assert list(await reviews(store)) == ["文本2"]
    assert (await reviews(store))["文本2"].reviewer == f"reviewer {li.user_number}"
    assert list(await reviews(store, user_labels=True)) == ["文本1", "文本2"]
    assert (await reviews(store, user_labels=True))["文本1"].reviewer == f"user {user.user_number}"


async def test_the_role_when_labelling_decides_whether_a_label_is_used(feed: Feed) -> None:
    store = feed.store
    user, li = await person(store, "user", "user"), await person(store, "li")
    await feed.send(*(arrival(id, f"文本{id}") for id in "12"))
    await decide(store, user, "1", POSITIVE)
    await decide(store, li, "2", POSITIVE)
    async with store.writing() as session:
        await update_user(session, user.user_number or 0, {"role": "reviewer"})
        await update_user(session, li.user_number or 0, {"role": "user"})
    assert list(await reviews(store)) == ["文本2"]
    assert list(await reviews(store, user_labels=True)) == ["文本1", "文本2"]


async def test_copies_of_a_text_count_once(feed: Feed) -> None:
    store = feed.store
    li = await person(store, "li")
    await feed.send(*(arrival(id, "默认好评") for id in "123"), arrival("4", "默认好评"), arrival("5", "默认 好评！"))
    await decide_group(store, li, Opinion("forum", "1", microseconds(minutes(0)), POSITIVE))
    while (await take_steps(store)).taken:
        pass
    await feed.send(arrival("6", "默认好评"))
    await decide(store, li, "6", NEGATIVE)
    await decide(store, li, "5", POSITIVE)
    found = await read_database_reviews(store)
    places = Places(None, snownlp=False, database_reviews=found.reviews)
    gathered = gather_comments(places, Options()).comments
    assert [(one.text, one.positive) for one in gathered.values()] == [("默认好评", False), ("默认 好评！", True)]


async def test_nothing_that_is_held_back_is_trained_on(feed: Feed, store: Store) -> None:
    li = await person(store, "li")
    await send_sampled(feed, *(arrival(str(n), f"第{n}条，很好用") for n in range(20)))
    held = await _held_back(store)
    assert 4 < len(held) < 16
    copies = [f"第{n}条,很好用!!" for n in held]
    await feed.send(*(arrival(f"copy{n}", text) for n, text in zip(held, copies, strict=True)))
    for n in range(20):
        await decide(store, li, str(n), POSITIVE)
    for n in held:
        await decide(store, li, f"copy{n}", POSITIVE)
    await feed.send(arrival(str(held[0]), "改过的话", edited=5))
    await decide(store, li, str(held[0]), POSITIVE, edited=5)

    found = await read_database_reviews(store)
    others = [f"第{n}条，很好用" for n in range(20) if n not in held]
    gathered = gather_comments(
        Places(None, snownlp=False, database_reviews=found.reviews, held_back=found.held_back), Options()
    )
    # The copy of the first text may be used: nobody compares models on a text that was replaced.
    assert {one.text for one in gathered.comments.values()} == {*others, copies[0]}
    assert gathered.held_back == len(held) - 1
    assert "改过的话" in found.held_back


async def test_the_record_counts_reviews_by_reviewer_number(feed: Feed) -> None:
    store = feed.store
    li, wang = await person(store, "li"), await person(store, "wang", "admin")
    await feed.send(*(arrival(id, f"文本{id}") for id in "1234"))
    for id in "12":
        await decide(store, li, id, POSITIVE)
    await decide(store, wang, "3", NEGATIVE)
    await decide(store, Actor(None, "root", "command", None), "4", NEGATIVE)
    found = await read_database_reviews(store)
    gathered = gather_comments(Places(None, snownlp=False, database_reviews=found.reviews), Options())
    record = describe_reviews(gathered.comments, gathered.reviews, None)
    times = sorted(review.reviewed_at.isoformat() for review in found.reviews if review.reviewed_at)
    assert record == {
        "review_sources": ["database"],
        "reviews": {
            "database": {
                "used": 4,
                "first": times[0],
                "last": times[-1],
                "by_reviewer": {f"admin {wang.user_number}": 1, "command": 1, f"reviewer {li.user_number}": 2},
            }
        },
    }
    assert {one.source for one in gathered.comments.values()} == {REVIEWS}


async def _held_back(store: Store) -> list[int]:
    async with store.reading() as connection:
        query = select(comments.c.id).where(comments.c.audit_rank % 2 == 0)
        return sorted(int(id) for id in (await connection.execute(query)).scalars())
