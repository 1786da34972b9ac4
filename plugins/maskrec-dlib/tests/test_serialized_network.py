"""Files in dlib's form: read back as they were written, and whatever is wrong with one is one sentence."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from maskrec_dlib.serialized_network import Layer, SerializedNetwork, _Reader, parse_network
from written_networks import damaged, fraction, integer, serialized, tensor, text, tiny_network


def facts(network: SerializedNetwork) -> list[object]:
    return [(layer.kind, layer.numbers, layer.values.tolist()) for layer in network.layers]


def test_what_was_written_is_read_back():
    written = tiny_network()
    found = parse_network(serialized(written))
    assert facts(found) == facts(written)
    assert found.size == (150, 150)
    assert found.mean == pytest.approx(written.mean, rel=1e-7)


@given(st.integers(-(2**64) + 1, 2**64 - 1))
def test_whole_numbers(number):
    reader = _Reader(integer(number))
    assert (reader.integer(), reader.rest) == (number, 0)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_fractions(number):
    assert _Reader(fraction(number)).fraction() == number


def test_numbers_as_a_file_of_dlib_has_them():
    assert _Reader(bytes.fromhex("030ad7a3811c")).fraction() == pytest.approx(0.04)
    assert _Reader(bytes.fromhex("036290f58111")).fraction() == pytest.approx(122.782)
    assert _Reader(bytes.fromhex("028012")).integer() == 4736


def test_every_file_that_is_cut_short_is_refused():
    valid = serialized(tiny_network())
    for length in range(len(valid)):
        with pytest.raises(ValueError, match="cut short"):
            parse_network(valid[:length])


def changed(old: bytes, new: bytes) -> bytes:
    valid = serialized(tiny_network())
    assert old in valid
    return valid.replace(old, new, 1)


FEW = tensor(np.arange(56, dtype=np.float32) / 7)
HUGE = integer(2) + integer(2**31 - 1) * 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (changed(FEW, HUGE), "is cut short"),  # 2^124 values
        (changed(FEW, integer(2) + integer(2**40) + integer(0) * 3), "a size before byte .* is 1099511627776"),
        (changed(FEW, integer(2) + integer(-1) * 4), "a size before byte .* is -1"),
        (changed(text("con_4"), integer(2**50)), "a name before byte .* has 1125899906842624 bytes"),
        (changed(text("con_4"), text("conv_9")), "has a layer 'conv_9', which is not known"),
        (changed(text("loss_metric_2"), text("loss_other_")), "has 'loss_other_' where 'loss_metric_2' is expected"),
        (changed(text("loss_metric_2"), b"\x09" + b"\1" * 9), "byte 2 is not the start of a number"),
        (changed(text("loss_metric_2"), b"\x00"), "byte 2 is not the start of a number"),
        (changed(fraction(0.6), integer(0) + integer(32000)), "is not finite"),
        (changed(fraction(0.6), integer(2**60) + integer(999)), "is out of range"),
        (changed(integer(2) * 3, integer(2) * 2000), "too many layers"),
        (changed(integer(2) * 3, integer(7) * 3), "has a version that is not known"),
        (changed(b"110", b"1a0"), "is neither 0 nor 1"),
        (serialized(tiny_network()) + b"\0", "1 bytes follow its last layer"),
        (b"", "is cut short"),
        (b"\x80\x04K\x01.", "is not the start of a number"),  # a pickle
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_sentence(content, said):
    with pytest.raises(ValueError, match=said):
        parse_network(content)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(value):
    network = tiny_network()
    values = network.layers[0].values.copy()
    values[3] = value
    layers = (Layer("con", network.layers[0].numbers, values), *network.layers[1:])
    with pytest.raises(ValueError, match="is not finite"):
        parse_network(serialized(dataclasses.replace(network, layers=layers)))


def test_damaged_files_are_read_or_refused():
    valid = serialized(tiny_network())
    read, said = 0, []
    for content in damaged(valid, 3000):
        try:
            found = parse_network(content)
        except ValueError as error:
            said.append(str(error))
        else:
            assert sum(layer.values.nbytes for layer in found.layers) <= len(content)
            read += 1
    assert all(sentence and "\n" not in sentence for sentence in said)
    assert read > 100
    assert len(said) > 1000
