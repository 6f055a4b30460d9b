"""The documents for users: pages in two languages show the same commands; commands, make targets and links exist."""

import re
from pathlib import Path

import pytest
import typer.main

from liuyan.cli import app

ROOT = Path(__file__).parent.parent
README, README_ZH = ROOT / "README.md", ROOT / "README.zh-CN.md"
# The same page in English and Chinese.
PAIRS = [(README, README_ZH), (ROOT / "docs/tour.md", ROOT / "docs/tour.zh-CN.md")]
DOCUMENTS = sorted(
    [README, README_ZH, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")]
)
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:make|liuyan|docker compose|python -m) [^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


def fenced(text: str) -> list[str]:
    return FENCED.findall(text)


def commands(text: str) -> list[str]:
    """Every command that a text mentions, in code blocks or in a sentence, without prompts and comments."""
    lines = [line.split("  #")[0].strip() for block in fenced(text) for line in block.splitlines()]
    in_blocks = [
        line.removeprefix(".venv/bin/") for line in lines if line.startswith((".venv/bin/", "make ", "liuyan "))
    ]
    return in_blocks + INLINE.findall(FENCED.sub("", text))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub writes them."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=["readme", "tour"])
def test_both_languages_show_the_same_commands(english: Path, chinese: Path) -> None:
    texts = english.read_text(), chinese.read_text()
    assert fenced(texts[1]) == fenced(texts[0])
    assert sorted(INLINE.findall(texts[1])) == sorted(INLINE.findall(texts[0]))


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=["readme", "tour"])
def test_both_languages_have_the_same_sections_pictures_and_pages(english: Path, chinese: Path) -> None:
    texts = english.read_text(), chinese.read_text()
    links = [
        sorted(one.replace(".zh-CN", "") for one in LINK.findall(text) if "README" not in one and one != other.name)
        for text, other in zip(texts, (chinese, english), strict=True)
    ]
    assert links[1] == links[0]
    levels = [re.findall(r"^#+ ", FENCED.sub("", text), re.MULTILINE) for text in texts]
    assert levels[1] == levels[0]


def test_both_runbooks_have_the_same_alerts_and_commands() -> None:
    english, chinese = ((ROOT / "docs" / name).read_text() for name in ("runbook.md", "runbook.zh-CN.md"))
    assert re.findall(r"^## (\w+)$", chinese, re.MULTILINE) == re.findall(r"^## (\w+)$", english, re.MULTILINE)
    assert fenced(chinese) == fenced(english)
    named = [sorted(set(re.findall(r"`[^`\n]+`", FENCED.sub("", text)))) for text in (english, chinese)]
    assert named[0] == named[1]
    titles = re.findall(r"^\*\*(.+)。\*\*", chinese, re.MULTILINE)
    assert titles == ["含义", "影响", "诊断", "处理"] * len(re.findall(r"^## ", english, re.MULTILINE))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for link in LINK.findall(FENCED.sub("", path.read_text())):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file) if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


# The changelog names commands that are gone.
@pytest.mark.parametrize("path", [one for one in DOCUMENTS if one.name != "CHANGELOG.md"], ids=lambda path: path.name)
def test_commands_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for command in commands(path.read_text()):
        program, *words = command.split()
        if program == "make":
            assert words[0] in targets, command
        elif program == "liuyan":
            assert_known(words, command)


def assert_known(words: list[str], command: str) -> None:
    """Follow the words of a command through the groups of the program."""
    group = typer.main.get_command(app)
    for word in words:
        known = getattr(group, "commands", None)
        if known is None or word.startswith("-"):
            return
        assert word in known, command
        group = known[word]


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("docs/decisions/*.md"), *ROOT.glob("research/decisions/*.md")]),
    ids=lambda path: path.stem,
)
def test_decision_records_are_short_and_have_four_headings(path: Path) -> None:
    text = path.read_text()
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives considered"]
    assert len(text.splitlines()) <= 40
