"""How NumPy's arrays and scalars travel, where NumPy is there.

Laws: NumPy is imported only when one of its values is sent (then it is there already) or received;
an array keeps its dtype, byte order, shape and C or Fortran order, and is sent in place if it is
contiguous; a received array looks at the received buffer and is read-only (copy it to change it). A
dtype is rebuilt from a description that is checked part by part, never from text NumPy would parse
freely; an array of objects does not travel.
"""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, Any

from kamesh.codec.errors import Cannot
from kamesh.codec.kinds import ADOPT, PACK, UNPACK, Packing, Unpacking, exactly, sequence, whole
from kamesh.codec.wire import Buffer, Code

if TYPE_CHECKING:
    import numpy

__all__: list[str] = []

_MAX_DEPTH = 8  # structured dtypes within structured dtypes
_MAX_FIELDS = 1024
_MAX_SIDES = 64
_MAX_SIDE = (1 << 63) - 1
_PLAIN = re.compile(
    r"[<>|=](?:[biufcSUV][0-9]{1,9}|[Mm]8(?:\[(?:[0-9]{1,9})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?)"
)
_TEXT = "text"  # dtype of numpy.str_, whose own would drop NULs at its end
_BYTES = "bytes"  # dtype of numpy.bytes_
_LAST_CHARACTER = 0x10FFFF
_AS_OBJECT = "send it as a list, or give it a dtype of numbers, text or fields"


def _adopt(kind: type) -> bool:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return False
    if kind is numpy.ndarray:
        PACK[kind] = (Code.ARRAY, _pack_array)
    elif issubclass(kind, numpy.generic) and kind.__module__ == "numpy":
        PACK[kind] = (Code.SCALAR, _pack_scalar)
    else:
        return False
    return True


# --- dtypes -----------------------------------------------------------------------------------


def _described(dtype: numpy.dtype[Any], depth: int = 0) -> str | list[Any]:
    """Describe a dtype: its text, or [names, dtypes, offsets, size], or [dtype, shape]."""
    import numpy  # there already, and its import is heavy

    if dtype.hasobject or depth > _MAX_DEPTH or dtype.itemsize == 0:
        raise Cannot(f"has the dtype {str(dtype)[:80]}, which does not travel", _AS_OBJECT)
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [_described(base, depth + 1), list(shape)]
    if dtype.names is None:
        if not _PLAIN.fullmatch(dtype.str) or numpy.dtype(dtype.str) != dtype:
            raise Cannot(f"has the dtype {str(dtype)[:80]}, which does not travel", _AS_OBJECT)
        return dtype.str
    fields: Any = dtype.fields
    if len(fields) != len(dtype.names) or len(fields) > _MAX_FIELDS:
        raise Cannot("has a dtype with titles or too many fields", "give its fields plain names")
    parts = [fields[name] for name in dtype.names]
    return [
        list(dtype.names),
        [_described(part[0], depth + 1) for part in parts],
        [part[1] for part in parts],
        dtype.itemsize,
    ]


def _dtype(description: Any, depth: int = 0) -> numpy.dtype[Any]:
    """Make the dtype that `_described` described."""
    import numpy  # heavy, and only needed once an array arrives

    if type(description) is str:
        if not _PLAIN.fullmatch(description):
            raise Cannot("holds an array of an unknown dtype")
        return numpy.dtype(description)
    if depth > _MAX_DEPTH:
        raise Cannot("holds an array of a dtype that is nested too deep")
    if len(sequence(description)) == 2:
        base, shape = description
        return numpy.dtype((_dtype(base, depth + 1), _shape(shape)))
    names, parts, offsets, size = exactly(description, 4)
    if len(sequence(names)) > _MAX_FIELDS or any(type(name) is not str for name in names):
        raise Cannot("holds an array whose dtype has too many fields, or fields without names")
    made = numpy.dtype(
        {
            "names": list(names),
            "formats": [_dtype(part, depth + 1) for part in sequence(parts)],
            "offsets": [whole(offset, 0, 1 << 31, "an offset") for offset in sequence(offsets)],
            "itemsize": whole(size, 1, (1 << 31) - 1, "a size"),
        }
    )
    if made.names != tuple(names):
        raise Cannot("holds an array whose dtype has fields without names")
    return made


def _shape(sides: Any) -> tuple[int, ...]:
    if len(sequence(sides)) > _MAX_SIDES:
        raise Cannot("holds an array of too many dimensions")
    return tuple(whole(side, 0, _MAX_SIDE, "a side of an array") for side in sides)


# --- arrays -----------------------------------------------------------------------------------


def _pack_array(array: numpy.ndarray[Any, Any], packing: Packing) -> bytes:
    import numpy  # there already, and its import is heavy

    description = _described(array.dtype)
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    flat = (array.T if fortran else numpy.ascontiguousarray(array)).reshape(-1)
    data: Buffer = flat.view(numpy.uint8).data if flat.size else b""
    order = "F" if fortran else "C"
    return packing.pack([description, order, list(array.shape), packing.blob(data)])


def _unpack_array(data: bytes, unpacking: Unpacking) -> numpy.ndarray[Any, Any]:
    import numpy  # heavy, and only needed once an array arrives

    description, order, sides, blob = exactly(unpacking.unpack(data), 4)
    dtype = _dtype(description)
    shape = _shape(sides)
    content = unpacking.blob(blob)
    if order not in ("C", "F") or math.prod(shape) * dtype.itemsize != len(content):
        raise Cannot("holds an array whose shape does not fit its bytes")
    array: numpy.ndarray[Any, Any]
    array = numpy.ndarray(shape, dtype, content or bytearray(dtype.itemsize), order=order)
    array.flags.writeable = False
    _check_text(array)
    return array


def _check_text(array: numpy.ndarray[Any, Any]) -> None:
    """Refuse characters that are none: NumPy would hand them on, and Python fails on them later."""
    dtype = array.dtype
    if dtype.names is not None:
        for name in dtype.names:
            _check_text(array[name])
    elif dtype.kind == "U" and array.size:
        order = dtype.byteorder if dtype.byteorder in "<>" else "="
        flat = array.reshape(-1)
        if flat.strides[0] != dtype.itemsize:
            flat = flat.copy()
        if int(flat.view(f"{order}u4").max()) > _LAST_CHARACTER:
            raise Cannot("holds an array of text with a character that is none")


# --- scalars ----------------------------------------------------------------------------------


def _pack_scalar(scalar: numpy.generic, packing: Packing) -> bytes:
    if scalar.dtype.kind == "U":
        return packing.pack([_TEXT, str.__str__(scalar)])
    if scalar.dtype.kind == "S":
        return packing.pack([_BYTES, bytes(scalar)])  # type: ignore[call-overload]
    return packing.pack([_described(scalar.dtype), scalar.tobytes()])


def _unpack_scalar(data: bytes, unpacking: Unpacking) -> numpy.generic:
    import numpy  # heavy, and only needed once a scalar arrives

    description, content = exactly(unpacking.unpack(data), 2)
    if description == _TEXT and type(content) is str:
        return numpy.str_(content)
    if description == _BYTES and type(content) is bytes:
        return numpy.bytes_(content)
    dtype = _dtype(description)
    if type(content) is not bytes or len(content) != dtype.itemsize:
        raise Cannot("holds a NumPy scalar whose dtype does not fit its bytes")
    array: numpy.ndarray[Any, Any] = numpy.frombuffer(content, dtype, 1)
    _check_text(array)
    scalar = array[0]
    if not isinstance(scalar, numpy.generic):
        raise Cannot("holds a NumPy scalar that is none")
    return scalar


ADOPT.append(_adopt)
UNPACK[Code.ARRAY] = _unpack_array
UNPACK[Code.SCALAR] = _unpack_scalar
