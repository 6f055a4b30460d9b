"""The flame graph: every frame's share is its width, without scripts."""

from xml.etree import ElementTree

from benchmarks.flame_graph import WIDTH, draw, grow, read_samples, step_of

SAMPLES = """\
main;run (consumer/worker.py:3);parse <lambda> (consumer/event.py:9) 30
main;run (consumer/worker.py:3);logits (model/inference.py:7);0x7f12 (libtorch.so) 60
main;seldom (a.py:1) 0
main 10
"""


def test_a_sample_belongs_to_its_innermost_step() -> None:
    assert [(step_of(stack), count) for stack, count in read_samples(SAMPLES)] == [
        ("parsing", 30),
        ("network", 60),
        ("other", 0),
        ("other", 10),
    ]


def test_widths_are_shares() -> None:
    picture = draw(grow(list(read_samples(SAMPLES))), "title <&>")
    root = ElementTree.fromstring(picture)  # noqa: S314 - drawn above
    name = "{http://www.w3.org/2000/svg}"
    widths = {
        group.findtext(f"{name}title", "").rpartition(", ")[0]: float(group.find(f"{name}rect").attrib["width"])  # type: ignore[union-attr]
        for group in root.iter(f"{name}g")
    }
    assert widths == {
        "main": WIDTH,
        "run (consumer/worker.py:3)": 0.9 * WIDTH,
        "parse <lambda> (consumer/event.py:9)": 0.3 * WIDTH,
        "logits (model/inference.py:7)": 0.6 * WIDTH,
        "0x7f12 (libtorch.so)": 0.6 * WIDTH,
    }
    assert root.find(f".//{name}script") is None
