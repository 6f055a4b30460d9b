"""Numbers of dead letters: exact ones for metrics, and bounded ones for pages."""

from collections import Counter

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dead_letter_admin import DeadLetterFilter, DeadLetterState, conditions_of
from store.tables import dead_letters

# Pages count at most this many dead letters of a state.
COUNTED = 10_000


async def count_dead_letters(connection: AsyncConnection, filters: DeadLetterFilter) -> dict[DeadLetterState, int]:
    """Count the dead letters by state. Raises TransientStoreError."""
    query = select(dead_letters.c.state, func.count()).where(*conditions_of(filters)).group_by(dead_letters.c.state)
    counted = {DeadLetterState(state): count for state, count in await connection.execute(query)}
    return {state: counted.get(state, 0) for state in DeadLetterState}


async def count_reasons_and_topics(
    connection: AsyncConnection, states: frozenset[DeadLetterState]
) -> tuple[dict[str, int], dict[str, int]]:
    """Count the newest COUNTED dead letters in these states by reason and by topic. Raises TransientStoreError."""
    of = dead_letters.c
    conditions = conditions_of(DeadLetterFilter(states=states))
    newest = select(of.reason, of.topic).where(*conditions).order_by(of.number.desc()).limit(COUNTED).subquery()
    query = select(newest.c.reason, newest.c.topic, func.count()).group_by(newest.c.reason, newest.c.topic)
    reasons, topics = Counter[str](), Counter[str]()
    for reason, topic, count in await connection.execute(query):
        reasons[reason] += count
        topics[topic] += count
    return dict(reasons), dict(topics)


async def count_up_to(connection: AsyncConnection, limit: int) -> dict[DeadLetterState, int]:
    """Count the dead letters of each state, but none beyond ``limit``, so that the time is bounded."""
    columns = [
        select(func.count())
        .select_from(select(literal(1)).where(dead_letters.c.state == state).limit(limit).subquery())
        .scalar_subquery()
        for state in DeadLetterState
    ]
    return dict(zip(DeadLetterState, (await connection.execute(select(*columns))).one(), strict=True))
