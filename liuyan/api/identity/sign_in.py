"""Signing in and out: the sessions behind the cookie."""

from datetime import timedelta

from liuyan.api.identity.secrets import digest_of
from liuyan.api.services import Services
from liuyan.store import sessions


async def find_session(services: Services, secret: str) -> sessions.SignedIn | None:
    """The session of a cookie, with its account; None when it is unknown or over, or the account may not sign in."""
    now = services.now()
    idle = timedelta(hours=services.settings.session_idle_hours)
    async with services.store.reading() as connection:
        found = await sessions.find_session(connection, digest_of(secret), now, idle)
    if found is not None and now - found.session.seen_at >= sessions.SEEN_EVERY:
        async with services.store.writing() as session:
            await sessions.touch_session(session, found.digest, now)
    return found
