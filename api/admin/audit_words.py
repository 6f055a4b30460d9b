"""Texts for the audit log's actions and object kinds; pages show an unknown one as stored."""

from collections.abc import Mapping, Sequence

from api.i18n import lazy_gettext
from store.audit import JSON

ACTION_WORDS = {
    "user.create": lazy_gettext("Account created"),
    "user.sign_up": lazy_gettext("Signed up"),
    "user.edit": lazy_gettext("Account updated"),
    "user.approve": lazy_gettext("Account approved"),
    "user.disable": lazy_gettext("Account disabled"),
    "user.enable": lazy_gettext("Account enabled"),
    "user.reset_password": lazy_gettext("Password reset"),
    "user.enrol_second_factor": lazy_gettext("Second factor set up"),
    "user.new_recovery_codes": lazy_gettext("Recovery codes replaced"),
    "user.disable_second_factor": lazy_gettext("Second factor turned off"),
    "user.reset_second_factor": lazy_gettext("Second factor reset"),
    "user.link": lazy_gettext("Account linked to single sign-on"),
    "user.unlink": lazy_gettext("Account unlinked from single sign-on"),
    "user.break_glass": lazy_gettext("Emergency password set"),
    "user.change_password": lazy_gettext("Password changed"),
    "user.sign_out_everywhere": lazy_gettext("Signed out everywhere"),
    "session.sign_in": lazy_gettext("User signed in"),
    "session.sign_out": lazy_gettext("User signed out"),
    "user.revoke_tokens": lazy_gettext("All tokens revoked"),
    "session.confirm": lazy_gettext("Identity confirmed"),
    "session.sign_in_failed": lazy_gettext("Sign-in failed"),
    "session.code_failed": lazy_gettext("Wrong code of the second factor"),
    "session.confirm_failed": lazy_gettext("Confirmation failed"),
    "session.locked_out": lazy_gettext("Locked out after too many attempts"),
    "request.refused": lazy_gettext("Request refused"),
    "user.read_contacts": lazy_gettext("Contacts viewed"),
    "user.export": lazy_gettext("Account data exported"),
    "user.erase": lazy_gettext("Account erased"),
    "author.export": lazy_gettext("Author data exported"),
    "author.erase": lazy_gettext("Author erasure requested"),
    "retention.purge": lazy_gettext("Old rows purged"),
    "user.rotate_contacts": lazy_gettext("Contacts encrypted with a new key"),
    "comment.export": lazy_gettext("Comments exported"),
    "review.export": lazy_gettext("Reviews exported"),
    "audit.export": lazy_gettext("Audit log exported"),
    "token.create": lazy_gettext("Token created"),
    "token.revoke": lazy_gettext("Token revoked"),
    "review.add": lazy_gettext("Comment reviewed"),
    "review.add_many": lazy_gettext("Comments reviewed together"),
    "review.add_group": lazy_gettext("Identical texts reviewed"),
    "review.undo_group": lazy_gettext("Review of identical texts withdrawn"),
    "review.undo": lazy_gettext("Review withdrawn"),
    "detection.keep": lazy_gettext("Text saved as a comment"),
    "detection.give_up": lazy_gettext("Label of a saved text withdrawn"),
    "notice.add": lazy_gettext("Notice created"),
    "notice.edit": lazy_gettext("Notice edited"),
    "notice.withdraw": lazy_gettext("Notice withdrawn"),
    "notice.restore": lazy_gettext("Notice restored"),
    "notice.delete": lazy_gettext("Notice deleted"),
    "dead_letter.requeue": lazy_gettext("Dead letter republished"),
    "dead_letter.discard": lazy_gettext("Dead letter set aside"),
    "dead_letter.delete": lazy_gettext("Dead letter deleted"),
    "dead_letter.expire": lazy_gettext("Old dead letters deleted"),
    "dead_letter.export": lazy_gettext("Dead letters exported"),
    "model.compare": lazy_gettext("Models compared"),
    # Written by earlier versions.
    "model.activate": lazy_gettext("Model activated"),
    "model.register": lazy_gettext("Model registered"),
    "model.promote": lazy_gettext("Model promoted"),
    "model.roll_back": lazy_gettext("Rolled back to a model"),
    "model.retire": lazy_gettext("Model retired"),
    "model.purge": lazy_gettext("Predictions of a model deleted"),
    "replay.start": lazy_gettext("Replay started"),
    "replay.cancel": lazy_gettext("Replay cancelled"),
    "shadow.start": lazy_gettext("Shadow started"),
    "store.backup": lazy_gettext("Database backed up"),
}
KIND_WORDS = {
    "user": lazy_gettext("account"),
    "users": lazy_gettext("accounts"),
    "route": lazy_gettext("request"),
    "reviews": lazy_gettext("reviews"),
    "audit": lazy_gettext("audit log"),
    "dead_letters": lazy_gettext("dead letters"),
    "token": lazy_gettext("token"),
    "comment": lazy_gettext("comment"),
    "comments": lazy_gettext("comments"),
    "group": lazy_gettext("text"),
    "notice": lazy_gettext("notice"),
    "dead_letter": lazy_gettext("dead letter"),
    "model": lazy_gettext("model"),
    "author": lazy_gettext("author"),
    "database": lazy_gettext("database"),
    "backup": lazy_gettext("backup"),
}


def detail_lines(detail: Mapping[str, JSON]) -> list[tuple[str, str]]:
    """Return names and texts of a record's details. A pair of values is the old and the new one."""
    return [(name, _format(value)) for name, value in detail.items()]


def _format(value: JSON) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return (" → " if len(value) == 2 else ", ").join(map(_format, value))
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_format(one)}" for name, one in value.items())
    return "—" if value is None else str(value)
