"""NumPy: every plain dtype, shape and order arrives as it was sent; nothing else is sent."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import Any

import pytest
from same import same

from kamesh.codec import LARGE, Undecodable, Unsendable, decode, encode

np = pytest.importorskip("numpy")

DTYPES = [
    "?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "g", "G",
    ">i2", ">u4", ">f2", ">f8", ">c16", "S1", "S5", "U1", "U5", ">U3", "V1", "V7",
    "M8[ns]", "M8[D]", ">M8[us]", "M8[25s]", "M8", "m8[ms]", "m8", ">m8[h]",
]  # fmt: skip

STRUCTURED: list[Any] = [
    [("x", "f4"), ("y", ">i8")],
    [("name", "U8"), ("raw", "S3"), ("when", "M8[ms]"), ("ok", "?")],
    np.dtype([("a", "u1"), ("b", "f8")], align=True),
    {"names": ["late", "early"], "formats": ["i2", "f4"], "offsets": [8, 0], "itemsize": 32},
    [("grid", "f2", (2, 3)), ("inner", [("deep", [("er", "c8")]), ("n", "i1", (1,))])],
    [("ünï", "i4"), ("with space", "i4")],
]  # fmt: skip

SHAPES = [(), (0,), (1,), (5,), (2, 3), (3, 0, 2), (2, 1, 3), (2, 2, 2, 2)]


def trip(message: Any) -> Any:
    """Send one message to ourselves; buffers arrive as they do from a socket."""
    encoded = encode([message])
    (arrived,) = decode(encoded.payload, [memoryview(bytes(buffer)) for buffer in encoded.buffers])
    return arrived


def filled(dtype: Any, shape: tuple[int, ...]) -> Any:
    """Make an array whose elements differ, as far as the dtype allows."""
    array = np.zeros(shape, dtype)
    if array.dtype.kind in "SUV":
        raw = np.arange(array.nbytes, dtype=np.uint8) % 100
        if array.dtype.kind == "U" or array.dtype.names:
            return array
        return np.frombuffer(raw.tobytes(), array.dtype, count=array.size).reshape(shape)
    values = np.arange(array.size).reshape(shape)
    return (
        values.astype("i8").astype(array.dtype)
        if array.dtype.kind in "mM"
        else values.astype(dtype)
    )


@pytest.mark.parametrize("dtype", DTYPES + STRUCTURED, ids=lambda it: str(it)[:20])
def test_every_plain_dtype_arrives_with_its_bytes_and_order(dtype: Any) -> None:
    """Byte order, units, fields, offsets and padding are those that were sent."""
    for shape in SHAPES:
        array = filled(dtype, shape)
        for ordered in (array, np.asfortranarray(array)):
            arrived = trip(ordered)
            assert same(ordered, arrived)
            assert arrived.dtype == ordered.dtype
            assert arrived.dtype.byteorder == ordered.dtype.byteorder


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_scalar_arrives_as_a_scalar(dtype: str) -> None:
    """A NumPy scalar does not become Python's number, nor an array."""
    scalar = filled(dtype, (3,))[1]
    assert same(scalar, trip(scalar))
    assert same([(scalar,), {"k": scalar}], trip([(scalar,), {"k": scalar}]))


def test_special_scalars_keep_what_dtypes_would_drop() -> None:
    """NULs at the end of text, NaN's sign, not-a-time, a record."""
    for scalar in (
        np.str_("a\0"), np.str_(""), np.bytes_(b"\0a\0"), np.bytes_(b""), np.float32("-nan"),
        np.datetime64("NaT"), np.timedelta64("NaT", "s"), np.bool_(True), np.float64(-0.0),
        np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")])[0],
    ):  # fmt: skip
        assert same(scalar, trip(scalar))
    assert trip({np.int32(3): 1, np.str_("k"): 2}) == {np.int32(3): 1, np.str_("k"): 2}


def test_views_are_sent_as_what_they_show() -> None:
    """Steps, reversals, transposes, broadcasts and windows: equal, and contiguous when they come."""
    base = np.arange(24, dtype="i4").reshape(2, 3, 4)
    for view in (
        base[:, ::2], base[::-1], base.T, base.transpose(1, 0, 2), base[..., 1], base[0].T,
        np.broadcast_to(base[0], (5, 3, 4)), np.broadcast_to(np.float32(2), (0, 4)), base[:, :0],
        base.view("i2")[..., 1::2], np.lib.stride_tricks.sliding_window_view(base[0, 0], 2),
        np.frombuffer(b"\0" + bytes(range(16)), "u1")[1:].view("f8"),
    ):  # fmt: skip
        arrived = trip(view)
        assert arrived.flags.c_contiguous or arrived.flags.f_contiguous
        assert arrived.dtype == view.dtype
        assert np.array_equal(arrived, view)


def test_large_contiguous_arrays_are_sent_in_place() -> None:
    """C or Fortran, the memory handed over is the array's own."""
    square = np.zeros((128, 128), "u1")
    for array in (square, np.asfortranarray(square), square.view("f8"), square[:64], square.T):
        encoded = encode([{"frame": array}])
        if array.nbytes < LARGE:
            assert not encoded.buffers
            continue
        assert np.shares_memory(np.frombuffer(encoded.buffers[0], "u1"), array)


def test_received_arrays_look_at_the_buffer_and_are_readonly() -> None:
    """No copy is made, whatever carried them, and what others may share cannot be changed."""
    array = np.arange(4096.0)
    encoded = encode([array])
    carried = bytearray(encoded.buffers[0])
    (arrived,) = decode(encoded.payload, [carried])
    assert np.shares_memory(arrived, np.frombuffer(carried, "u1"))
    assert not arrived.flags.writeable
    assert not trip(np.arange(3)).flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        arrived[0] = 1.0
    arrived.copy()[0] = 1.0


@pytest.mark.parametrize(
    "array",
    [
        np.array([object()]), np.zeros(2, [("a", "O")]), np.zeros(2, [(("title", "a"), "i4")]),
        np.array(["x"], np.dtypes.StringDType()) if hasattr(np.dtypes, "StringDType") else np.array([{}]),
        np.zeros(1, [(f"f{n}", "i1") for n in range(1025)]), np.zeros(3, []), np.zeros(3, "V0"),
    ],
    ids=lambda it: str(it.dtype)[:20],
)  # fmt: skip
def test_dtypes_that_are_not_plain_are_refused(array: Any) -> None:
    """Objects, titles and texts of no fixed size do not travel; the way out says what does."""
    with pytest.raises(Unsendable, match=r"dtype") as caught:
        encode([1, {"a": array}])
    assert (caught.value.index, caught.value.path) == (1, "['a']")
    assert caught.value.type_name == "numpy.ndarray"


def test_subclasses_of_arrays_are_refused_with_a_way_out() -> None:
    """A masked array would lose its mask, a matrix its algebra."""
    for array in (np.ma.array([1, 2]), np.zeros(1, [("a", "i4")]).view(np.recarray)):
        with pytest.raises(Unsendable, match=r"send numpy\.asarray\(it\)"):
            encode([array])


def forged(*fields: Any) -> bytes:
    """Pack the extension of an array from fields nobody would send."""
    import msgpack

    data = msgpack.packb(list(fields))
    return b"\0" + msgpack.packb([msgpack.ExtType(26, data)])


DTYPES_FORGED: list[Any] = [
    "O", "|O", "|O8", "<T16", "<f8,<f8", "i4", "float64", "<f8[", "<f99", "<U999999999", "<M8[x]",
    "<M8[999999999999s]", "", "|V0", "|S0", 5, None, [], [[]], ["<f8"], ["<f8", [2**62, 2**62]],
    ["<f8", [-1]], ["<f8", "ab"], ["<f8", [2**31]], [["a"], ["<f8"], [0]],
    [["a", "a"], ["<f8"] * 2, [0, 8], 16],
    [["a"], ["<f8"], [4], 8], [["a"], ["<f8"], [-8], 8], [["a"], ["<f8"], [0], 2**40],
    [["a"], ["O"], [0], 8], [[1], ["<f8"], [0], 8], [["a"], ["<f8"], [0], 0],
    [["a"] * 2000, ["<f8"] * 2000, [0] * 2000, 8], [["a"], [], [0], 8],
]  # fmt: skip
deep: Any = "<f8"
for _ in range(20):
    deep = [["a"], [deep], [0], 8]
DTYPES_FORGED.append(deep)


@pytest.mark.parametrize("dtype", DTYPES_FORGED, ids=lambda it: str(it)[:24])
def test_forged_dtypes_are_refused(dtype: Any) -> None:
    """No text reaches NumPy's own parser, and no description grows beyond its bytes."""
    with pytest.raises(Undecodable):
        decode(forged(dtype, "C", [1], bytes(8)))


@pytest.mark.parametrize(
    ("order", "shape", "blob"),
    [
        ("C", [2], bytes(8)), ("C", [2**62, 2**62], b""), ("C", [-1], b""), ("C", [-1, -1], bytes(8)),
        ("C", [0, 2**63], b""), ("C", [1.0], bytes(8)), ("C", [True], bytes(8)), ("C", 1, bytes(8)),
        ("C", "a", bytes(8)), ("A", [1], bytes(8)), (None, [1], bytes(8)), ("C", [1] * 65, bytes(8)),
        ("C", [1], "text"), ("C", [1], 0), ("C", [1], -1), ("C", [1], None), ("C", [2**32], bytes(8)),
    ],
)  # fmt: skip
def test_forged_shapes_and_contents_are_refused(order: Any, shape: Any, blob: Any) -> None:
    """Sizes must multiply to the bytes that came, without overflow, and only then is there an array."""
    with pytest.raises(Undecodable):
        decode(forged("<f8", order, shape, blob))


def test_text_with_characters_that_are_none_is_refused() -> None:
    """NumPy would hand them on, and Python fails on them much later."""
    bad = (0x110000).to_bytes(4, "little")
    for dtype, blob in [("<U1", bad), ("<U2", bad * 2), (">U1", b"\0\x11\0\0"),
                        ([["a", "b"], ["|u1", "<U1"], [0, 1], 5], b"\0" + bad)]:  # fmt: skip
        with pytest.raises(Undecodable, match="character that is none"):
            decode(forged(dtype, "C", [1], blob))
        decode(forged(dtype, "C", [1], bytes(len(blob))))


def test_forged_scalars_are_refused() -> None:
    """A scalar's bytes fit its dtype, and it is one."""
    import msgpack

    for fields in itertools.product(
        ("<f8", "|O8", "text", "bytes", ["<f8", [2]]), (b"123", "t", 5)
    ):
        if fields == ("text", "t") or fields == ("bytes", b"123"):
            continue
        data = msgpack.packb(list(fields))
        with pytest.raises(Undecodable):
            decode(b"\0" + msgpack.packb([msgpack.ExtType(27, data)]))


def test_a_receiver_without_numpy_says_so() -> None:
    """It is Undecodable, not an ImportError, and costs the receiver nothing else."""
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from kamesh.codec import decode, Undecodable\n"
        f"try: decode({encode([np.arange(3)]).payload!r})\n"
        "except Undecodable as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "numpy" in run.stdout, run.stderr
