"""The inference network computes the same logits as nn.GRU, in compiled code and in NumPy."""

import ctypes
from collections.abc import Callable, Mapping

import numpy
import pytest
import torch
from numpy.random import bit_generator

import model.inference
from model.artifact import SHIPPED, Artifact, read_artifact
from model.inference import CHUNK_SIZE, InferenceNetwork, NumpyRecurrence, compute_tables, direction_gates, sigmoid
from model.kernel import LIBRARY, WIDEST, Floats, Gates, Kernel, Words, load_kernel
from model.network import Network, Shape, pad
from model.normalise import character_table, normalise
from model.segment import segment
from model.vocabulary import Vocabulary

Texts = list[tuple[int, ...]]


def compiled() -> Kernel:
    """The compiled code; it must exist where the tests run."""
    kernel = load_kernel()
    assert kernel is not None, f"{LIBRARY} is missing. Install a C compiler and run `make clean install`."
    return kernel


def kernels() -> list[Kernel]:
    """The compiled code for each instruction set of this processor."""
    return [kernel for width in (4, 8, 16) if (kernel := narrowed(width)).width == width]


def narrowed(width: int) -> Kernel:
    return Kernel(ctypes.CDLL(str(LIBRARY)), width)


@pytest.fixture
def numpy_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the installation has no compiled code."""
    monkeypatch.setattr(model.inference, "load_kernel", lambda: None)


def as_tensors(weights: Mapping[str, Floats]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(one) for name, one in weights.items()}


def probabilities(logits: Floats) -> Floats:
    return sigmoid(logits)


def shipped_texts(artifact: Artifact, comments: list[str]) -> Texts:
    vocabulary = Vocabulary(artifact.words, artifact.configuration.maximum_tokens)
    table = character_table(artifact.simplified)
    return [vocabulary.look_up(segment(normalise(text, table))) for text in ["", "好", *comments]]


def trained(artifact: Artifact, texts: Texts) -> Floats:
    """The logits of nn.GRU."""
    network = Network(Shape(len(artifact.words), **artifact.configuration.sizes)).eval()
    network.load_state_dict(as_tensors(artifact.weights))
    with torch.inference_mode():
        return torch.cat([network(*pad(texts[start : start + 64])) for start in range(0, len(texts), 64)]).numpy()


def test_compiled_code_equals_gru_for_the_shipped_model(real_comments: Callable[[int], list[str]]) -> None:
    artifact = read_artifact(SHIPPED)
    texts = shipped_texts(artifact, real_comments(2_200))
    expected = trained(artifact, texts)
    assert numpy.std(expected) > 1
    assert len(kernels()) > 1 or compiled().width == 4
    for kernel in kernels():
        served = InferenceNetwork(artifact.weights, kernel).logits(texts)
        assert numpy.abs(probabilities(served) - probabilities(expected)).max() < 1e-5, kernel.width


@pytest.mark.usefixtures("numpy_only")
def test_numpy_equals_gru_for_the_shipped_model(real_comments: Callable[[int], list[str]]) -> None:
    artifact = read_artifact(SHIPPED)
    texts = shipped_texts(artifact, real_comments(300))
    served = InferenceNetwork(artifact.weights).logits(texts)
    assert numpy.abs(probabilities(served) - probabilities(trained(artifact, texts))).max() < 1e-5


def check_sizes(shape: Shape, kernel: Kernel | None = None) -> None:
    torch.manual_seed(3)
    network = Network(shape).eval()
    texts = [tuple(torch.randint(shape.words, (length,)).tolist()) for length in (1, 400, 7, 7, 1, 33, 2)]
    with torch.inference_mode():
        expected = network(*pad(texts)).numpy()
    served = InferenceNetwork(network.stored_weights(), kernel)
    numpy.testing.assert_allclose(served.logits(texts), expected, rtol=0, atol=1e-5)
    assert served.logits([]).tolist() == []


@pytest.mark.parametrize("hidden", [5, 16, 40, 128, 144, WIDEST])
def test_any_sizes_and_any_mixture_of_lengths(hidden: int) -> None:
    for kernel in kernels():
        check_sizes(Shape(50, 6, hidden), kernel)


@pytest.mark.usefixtures("numpy_only")
def test_any_sizes_in_numpy() -> None:
    check_sizes(Shape(50, 6, 5))


def test_a_wider_gru_is_computed_by_numpy() -> None:
    check_sizes(Shape(20, 4, WIDEST + 1))


def test_a_result_does_not_depend_on_other_texts() -> None:
    """Also with more texts than a chunk, and than texts that are read side by side."""
    served = InferenceNetwork(Network(Shape(50, 6, 5)).stored_weights(), compiled())
    texts = [(number % 50, number % 7) if number % 3 else (number % 50,) for number in range(CHUNK_SIZE + 700)]
    each = {text: served.logits([text])[0] for text in set(texts)}
    assert served.logits(texts).tolist() == [each[text] for text in texts]


def test_numpy_reads_several_groups_of_texts() -> None:
    network = Network(Shape(50, 6, 16)).stored_weights()
    numbers = numpy.arange(900, dtype=numpy.int32) % 50
    lengths = numpy.array(sorted([1, 2, 3] * 150, reverse=True), numpy.int64)
    words = Words(numbers, lengths.cumsum() - lengths, lengths)
    for suffix, backward in (("", False), ("_reverse", True)):
        gates = direction_gates(network, suffix, compute_tables(network)[int(backward)])
        expectations = NumpyRecurrence(gates).read(words, backward)
        for found, expected in zip(compiled().recurrence(gates).read(words, backward), expectations, strict=True):
            numpy.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e4, -1e4, 88.0, -88.0])
def test_large_weights_do_not_overflow(value: float) -> None:
    gates = Gates(
        numpy.full((2, 48), value, numpy.float32), numpy.ones((16, 48), numpy.float32), numpy.zeros(16, numpy.float32)
    )
    words = Words(numpy.array([0, 1], numpy.int32), numpy.array([0], numpy.int64), numpy.array([2], numpy.int64))
    expected = NumpyRecurrence(gates).read(words, False)
    for kernel in kernels():
        found = kernel.recurrence(gates).read(words, False)
        assert numpy.isfinite(found).all()
        numpy.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_unknown_word_numbers_and_widths_are_refused() -> None:
    served = InferenceNetwork(Network(Shape(50, 6, 16)).stored_weights(), compiled())
    for number in (50, -1):
        with pytest.raises(IndexError, match="outside the vocabulary"):
            served.logits([(1, number)])
    with pytest.raises(IndexError, match="empty or outside"):
        served.logits([(1,), ()])
    weights = Network(Shape(50, 6, 5)).stored_weights()
    gates = direction_gates(weights, "", compute_tables(weights)[0])
    with pytest.raises(ValueError, match="a GRU of 5 units"):
        compiled().recurrence(gates)


def test_an_installation_without_compiled_code_uses_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.kernel.LIBRARY", LIBRARY.with_name("missing.so"))
    load_kernel.cache_clear()
    assert load_kernel() is None
    load_kernel.cache_clear()


def test_a_library_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.kernel.LAYOUT", 2)
    load_kernel.cache_clear()
    assert load_kernel() is None
    monkeypatch.setattr("model.kernel.LIBRARY", bit_generator.__file__)  # has none of the functions
    load_kernel.cache_clear()
    assert load_kernel() is None
    load_kernel.cache_clear()
