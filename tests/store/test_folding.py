"""Which texts are identical: those that differ in case, width, spaces and what nobody sees."""

import pytest

from store.folding import fold, folded_digest, folded_sha256


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
def test_texts_that_read_alike_are_identical(one: str, other: str) -> None:
    assert fold(one) == fold(other)
    assert folded_digest(one) == folded_digest(other)
    assert folded_sha256(one) == folded_sha256(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("默认好评", "默认差评"), ("好评", "好评。"), ("好👍", "好😡"), ("很好", "很 好"), ("不好", "好")],
)
def test_other_texts_are_not(one: str, other: str) -> None:
    assert folded_digest(one) != folded_digest(other)
    assert folded_sha256(one) != folded_sha256(other)


def test_a_digest_fits_a_column_and_stays_what_it_is() -> None:
    assert folded_digest("默认好评") == 2083541021111433089
    assert all(0 <= folded_digest(str(number)) < 2**63 for number in range(100))


def test_half_of_a_surrogate_pair_is_folded() -> None:
    assert folded_digest("\ud83d") != folded_digest("\ud83e")
