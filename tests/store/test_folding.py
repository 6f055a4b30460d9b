"""Texts are the same if they differ only in case, width, spaces and invisible characters."""

import pytest

from store.folding import fold, folded_digest, folded_digests, folded_sha256


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("默认好评！", "默认好评!"),
        ("ＯＫ 好", "ok\u3000好"),
        ("  好评\n\t真的 ", "好评 真的"),
        ("默\u200b认\u2060好\ufeff评", "默认好评"),
        ("Straße", "STRASSE"),
        ("Cafe\u0301", "Café"),
    ],
)
def test_equivalent_texts_have_the_same_digest(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert folded_digest(one) == folded_digest(other)
    assert folded_sha256(one) == folded_sha256(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("默认好评", "默认差评"), ("好评", "好评。"), ("好👍", "好😡"), ("很好", "很 好"), ("不好", "好")],
)
def test_different_texts_have_different_digests(one: str, other: str) -> None:
    assert folded_digest(one) != folded_digest(other)
    assert folded_sha256(one) != folded_sha256(other)


def test_digest_fits_its_column_and_never_changes() -> None:
    assert folded_digest("默认好评") == 2083541021111433089
    assert all(0 <= folded_digest(str(number)) < 2**63 for number in range(100))


def test_lone_surrogate_is_folded() -> None:
    assert folded_digest("\ud83d") != folded_digest("\ud83e")


def test_many_texts_have_the_digests_of_each() -> None:
    texts = ["默认好评！", "", "ＯＫ\u3000好", "a\0b", "\ud83d", "Cafe\u0301"]
    assert folded_digests(texts) == [folded_digest(text) for text in texts]
