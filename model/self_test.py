"""The self-test of an artifact before it is registered: ten texts, labelled twice."""

from math import isfinite

from model.errors import ArtifactError
from model.labeller import Labeller, Prediction

# Short, long, traditional, mixed and unknown texts.
TEXTS = (
    "很好，下次还来",
    "太差了，再也不买",
    "房间不错，但是服务员态度很差",
    "一般",
    "物流很快👍👍👍",
    "這家餐廳的菜很好吃",
    "iPhone 用了两天就坏，customer service 也不理人",
    "！！！？？？",
    "\u200b",
    "等了两个小时还没有送到，" * 40,
)
# Computing a text again may change its probability by rounding.
TOLERANCE = 1e-6


def check_labeller(labeller: Labeller) -> None:
    """Raise ArtifactError unless the model gives ten texts finite probabilities, the same ones twice."""
    low, high = labeller.uncertain_low, labeller.uncertain_high
    if not 0 <= low <= high <= 1:
        raise ArtifactError(
            f"The model {labeller.name} fails its self-test: its uncertain band {low:g} .. {high:g} is not a range of "
            "probabilities. Train it again or use another."
        )
    try:
        first, second = _probabilities(labeller), _probabilities(labeller)
    except (ArithmeticError, ValueError, IndexError, RuntimeError) as error:
        raise ArtifactError(
            f"The model {labeller.name} fails its self-test: it cannot label a text ({error}). Train it again or use "
            "another."
        ) from error
    for text, one, again in zip(TEXTS, first, second, strict=True):
        if not isfinite(one) or not 0 <= one <= 1:
            raise ArtifactError(
                f"The model {labeller.name} fails its self-test: the probability of {text[:20]!r} is {one}. Train it "
                "again or use another."
            )
        if abs(one - again) > TOLERANCE:
            raise ArtifactError(
                f"The model {labeller.name} fails its self-test: it gave {text[:20]!r} the probabilities {one} and "
                f"{again}. Train it again or use another."
            )


def _probabilities(labeller: Labeller) -> list[float]:
    predictions: list[Prediction] = labeller.predict(TEXTS)
    return [one.probability for one in predictions]
