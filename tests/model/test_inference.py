"""The inference network computes the same logits as nn.GRU, in compiled code and in NumPy."""

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy
import pytest
import torch
from numpy.random import bit_generator

import model.inference
from model.artifact import SHIPPED, Artifact, read_artifact
from model.inference import BASE_2, ROWS, InferenceNetwork, NumpyRecurrence, compute_tables, direction_gates, gate
from model.kernel import LAYOUT, LIBRARY, WIDEST, Floats, Gates, Kernel, load_kernel
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
    return gate(BASE_2 * logits)


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


def test_bfloat16_products_change_probabilities_little(real_comments: Callable[[int], list[str]]) -> None:
    """Where the processor has them; elsewhere the setting changes nothing."""
    artifact = read_artifact(SHIPPED)
    texts = shipped_texts(artifact, real_comments(1_000))
    kernel = load_kernel(bfloat16=True)
    assert kernel is not None
    exact = InferenceNetwork(artifact.weights, compiled()).logits(texts)
    rounded = InferenceNetwork(artifact.weights, kernel)
    difference = numpy.abs(probabilities(rounded.logits(texts)) - probabilities(exact))
    if kernel.bfloat16:
        assert 1e-5 < difference.max() < 0.02
        assert difference.mean() < 0.001
    else:
        assert difference.max() == 0
    alone = [rounded.logits([text])[0] for text in texts[:40]]
    assert rounded.logits(texts[:40]).tolist() == alone


@pytest.mark.parametrize("hidden", [5, 40, WIDEST])
def test_bfloat16_products_of_any_sizes(hidden: int) -> None:
    check_sizes(Shape(50, 6, hidden), load_kernel(bfloat16=True), tolerance=0.01)


@pytest.mark.usefixtures("numpy_only")
def test_numpy_equals_gru_for_the_shipped_model(real_comments: Callable[[int], list[str]]) -> None:
    artifact = read_artifact(SHIPPED)
    texts = shipped_texts(artifact, real_comments(300))
    served = InferenceNetwork(artifact.weights).logits(texts)
    assert numpy.abs(probabilities(served) - probabilities(trained(artifact, texts))).max() < 1e-5


def check_sizes(shape: Shape, kernel: Kernel | None = None, tolerance: float = 1e-5) -> None:
    torch.manual_seed(3)
    network = Network(shape).eval()
    texts = [tuple(torch.randint(shape.words, (length,)).tolist()) for length in (1, 400, 7, 7, 1, 33, 2)]
    with torch.inference_mode():
        expected = network(*pad(texts)).numpy()
    served = InferenceNetwork(network.stored_weights(), kernel)
    numpy.testing.assert_allclose(served.logits(texts), expected, rtol=0, atol=tolerance)
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


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5, 8, 9, 16, 17, 700])
def test_a_result_does_not_depend_on_other_texts(number: int) -> None:
    """Also with groups of texts that are not full, and with more texts than are read side by side."""
    weights = Network(Shape(50, 6, 5)).stored_weights()
    texts = [tuple((place + step) % 50 for step in range(place * 7 % 11 + 1)) for place in range(number)]
    for kernel in kernels():
        served = InferenceNetwork(weights, kernel)
        assert served.logits(texts).tolist() == [served.logits([text])[0] for text in texts]


def both_directions(network: Mapping[str, Floats]) -> tuple[Gates, Gates]:
    forward, backward = compute_tables(network)
    return direction_gates(network, forward, False), direction_gates(network, backward, True)


def test_numpy_reads_several_groups_of_texts() -> None:
    gates = both_directions(Network(Shape(50, 6, 16)).stored_weights())
    lengths = numpy.array([1, 2, 3] * ROWS, numpy.int64)
    numbers = numpy.arange(lengths.sum(), dtype=numpy.int32) % 50
    expected = NumpyRecurrence(*gates, 0.5).read(numbers, lengths)
    for kernel in kernels():
        found = kernel.recurrence(*gates, 0.5).read(numbers, lengths)
        numpy.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e4, -1e4, 60.0, -60.0, 128.0, -128.0, numpy.inf, -numpy.inf])
def test_large_weights_do_not_overflow(value: float) -> None:
    table = numpy.full((2, 48), value, numpy.float32)
    output = numpy.full((2, 16), 1 / 64, numpy.float32)
    gates = Gates(table, numpy.ones((16, 48), numpy.float32), numpy.zeros(16, numpy.float32), output)
    numbers, lengths = numpy.array([0, 1], numpy.int32), numpy.array([2], numpy.int64)
    expected = NumpyRecurrence(gates, gates, 0.0).read(numbers, lengths)
    assert numpy.isfinite(expected).all()
    for kernel in kernels():
        found = kernel.recurrence(gates, gates, 0.0).read(numbers, lengths)
        numpy.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_unknown_word_numbers_and_widths_are_refused() -> None:
    served = InferenceNetwork(Network(Shape(50, 6, 16)).stored_weights(), compiled())
    for number in (50, -1):
        with pytest.raises(IndexError, match="outside the vocabulary"):
            served.logits([(1, number)])
    with pytest.raises(IndexError, match="empty or outside"):
        served.logits([(1,), ()])
    for lengths in ([3], [1, 2], [2**62, 2**62]):
        with pytest.raises(IndexError, match="empty or outside"):
            served.logits_of(numpy.array([1, 2], numpy.int32), numpy.array(lengths, numpy.int64))
    with pytest.raises(ValueError, match="a GRU of 5 units"):
        compiled().recurrence(*both_directions(Network(Shape(50, 6, 5)).stored_weights()), 0.0)
    forward, backward = both_directions(Network(Shape(50, 6, 16)).stored_weights())
    with pytest.raises(ValueError, match="do not match"):
        compiled().recurrence(forward, replace(backward, table=backward.table[1:]), 0.0)


def test_an_installation_without_compiled_code_uses_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.kernel.LIBRARY", LIBRARY.with_name("missing.so"))
    load_kernel.cache_clear()
    assert load_kernel() is None
    load_kernel.cache_clear()


def test_a_library_of_another_version_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.kernel.LAYOUT", LAYOUT + 1)
    load_kernel.cache_clear()
    assert load_kernel() is None
    monkeypatch.setattr("model.kernel.LIBRARY", bit_generator.__file__)  # has none of the functions
    load_kernel.cache_clear()
    assert load_kernel() is None
    load_kernel.cache_clear()
