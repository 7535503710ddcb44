"""Arrays on the wire: what arrives is what was sent, or a ValueError that names what was wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ludus.api.v1.tensor_pb2 import Tensor
from ludus.kernel.tensors import bfloat16_tensor, from_float_tensor, from_tensor, to_tensor

MEGABYTE = 1024 * 1024
DTYPES = [np.dtype(name) for name in ("float32", "float64", "float16", "uint8", "int8", "int64", "uint32", "bool")]


@given(st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))))
def test_round_trip_through_bytes(array: np.ndarray[Any, Any]) -> None:
    wire = Tensor.FromString(to_tensor(array).SerializeToString())
    back = from_tensor(wire, dtype=array.dtype, shape=array.shape, max_bytes=MEGABYTE)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_strided_and_big_endian_arrays_are_sent_as_they_read() -> None:
    array = np.arange(24, dtype=">f4").reshape(2, 3, 4)[:, ::2].transpose(2, 0, 1)
    back = from_tensor(to_tensor(array), dtype="float32", shape=(4, 2, 2), max_bytes=MEGABYTE)
    assert np.array_equal(back, array)


def test_the_view_shares_the_message_and_cannot_be_written() -> None:
    tensor = to_tensor(np.zeros(1000, np.float32))
    view = from_tensor(tensor, dtype=np.float32, shape=(1000,), max_bytes=MEGABYTE)
    assert not view.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 1


def test_free_dimensions_take_any_size() -> None:
    tensor = to_tensor(np.zeros((3, 5, 2), np.uint8))
    assert from_tensor(tensor, dtype=np.uint8, shape=(None, 5, None), max_bytes=MEGABYTE).shape == (3, 5, 2)


GOOD = to_tensor(np.zeros((2, 3), np.float32))


def changed(**fields: Any) -> Tensor:
    tensor = Tensor()
    tensor.CopyFrom(GOOD)
    for name, value in fields.items():
        if name == "shape":
            tensor.shape[:] = value
        else:
            setattr(tensor, name, value)
    return tensor


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (Tensor(), r"expected dtype float32, found 'none'"),
        (changed(dtype="float64"), r"expected dtype float32, found 'float64'"),
        (changed(dtype="object"), r"expected dtype float32, found 'object'"),
        (changed(shape=[3, 2]), r"expected shape \[2, any\], found \[3, 2\]"),
        (changed(shape=[2]), r"expected shape \[2, any\], found \[2\]"),
        (changed(shape=[2, -3]), r"expected shape \[2, any\], found \[2, -3\]"),
        (changed(shape=[2, 2**40]), r"are more than the 1048576 allowed here"),
        (changed(shape=[2, 4]), r"shape \[2, 4\] of float32 needs 32 bytes, found 24"),
        (changed(data=b""), r"needs 24 bytes, found 0"),
        (changed(data=b"x" * 25), r"needs 24 bytes, found 25"),
    ],
)
def test_a_tensor_that_lies_is_refused(tensor: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_tensor(tensor, dtype=np.float32, shape=(2, None), max_bytes=MEGABYTE)


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([object()]), np.array([1j]), np.array(["2020"], "M8[Y]")])
def test_only_plain_numbers_are_sent(array: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match="only bool, integer and float"):
        to_tensor(array)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_do_more_than_raise_value_error(data: bytes) -> None:
    refusal = ""
    try:
        tensor = Tensor.FromString(data)
        array = from_tensor(tensor, dtype=np.float32, shape=(None, None), max_bytes=1000)
    except DecodeError:
        refusal = "tensor: not protobuf"
    except ValueError as error:
        refusal = str(error)
    if refusal:
        assert refusal.startswith("tensor: ")
    else:
        assert array.nbytes == len(tensor.data)


@given(hnp.arrays(np.uint16, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0)))
def test_bfloat16_comes_back_as_the_float32_that_it_is(bits: np.ndarray[Any, Any]) -> None:
    wire = Tensor.FromString(bfloat16_tensor(bits).SerializeToString())
    back = from_float_tensor(wire, shape=bits.shape, max_bytes=MEGABYTE)
    assert back.dtype == np.float32
    assert np.array_equal(back.view(np.uint32) >> 16, bits)
    assert not (back.view(np.uint32) & 0xFFFF).any()


def test_float_tensors_are_float32_or_bfloat16_and_checked_alike() -> None:
    assert from_float_tensor(GOOD, shape=(2, 3), max_bytes=MEGABYTE).dtype == np.float32
    for bad, message in (
        (changed(dtype="float64"), "expected dtype float32, found 'float64'"),
        (changed(dtype="bfloat16"), "of bfloat16 needs 12 bytes, found 24"),
        (changed(dtype="bfloat16", data=b"\0" * 12, shape=(3, 2)), "expected shape"),
    ):
        with pytest.raises(ValueError, match=message):
            from_float_tensor(bad, shape=(2, 3), max_bytes=MEGABYTE)
