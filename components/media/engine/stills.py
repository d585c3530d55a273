"""Stills: picture files read and written, PNG, JPEG and WebP among them. Imports PyAV.

Laws: the name of a file says how it is written and its bytes how it is read; a file is there only when
it is whole; what cannot be read or written is a MediaError, in a sentence.
"""

from __future__ import annotations

import io
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from kamesh.components.media.engine.cloning import Cloner
from kamesh.components.media.trouble import MediaError, because

__all__ = ["read_still", "still_bytes", "write_still"]

LARGEST = 1 << 28  # bytes
ENCODERS = {".png": "png", ".jpg": "mjpeg", ".jpeg": "mjpeg", ".webp": "libwebp"}


def read_still(path: Path) -> av.VideoFrame:
    """Give the picture in a file; it bears no time. MediaError if there is none in it."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise MediaError(f"there is no file {path}") from None
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {because(error)}") from error
    if len(data) > LARGEST:
        raise MediaError(f"{path} is larger than any picture: more than {LARGEST} bytes")
    try:
        # of bytes, as FFmpeg takes a "%" in the name of a picture for a number to come
        with av.open(io.BytesIO(data), "r", container_options={"protocol_whitelist": "none"}) as file:
            for frame in file.decode(video=0):
                frame.pts = None
                return frame
    except (av.error.FFmpegError, OSError, ValueError, IndexError) as error:
        raise MediaError(f"{path} is no picture that can be read: {because(error)}") from error
    raise MediaError(f"{path} is no picture that can be read: there is nothing in it")


def still_bytes(frame: av.VideoFrame, suffix: str, quality: int = 90) -> bytes:
    """Give a picture as the bytes of a file; `quality` 1 to 100 for JPEG and WebP."""
    encoder = ENCODERS[suffix.lower()]
    alpha = any(component.is_alpha for component in frame.format.components)
    form = {"png": "rgba" if alpha else "rgb24", "mjpeg": "yuvj420p"}.get(
        encoder, "yuva420p" if alpha else "yuv420p"
    )
    try:
        context: Any = av.CodecContext.create(encoder, "w")
        context.width, context.height, context.pix_fmt = frame.width, frame.height, form
        context.time_base = Fraction(1, 25)
        if encoder == "mjpeg":
            context.qmin = context.qmax = max(2, round(31 - quality * 0.29))
            context.color_range = 2  # full, as JPEG is
        elif encoder == "libwebp":
            context.options = {"quality": str(quality)}
        # PyAV sets a time on the very picture that it encodes
        picture = Cloner().clone(frame.reformat(format=form), 0, Fraction(1, 25))
        packets = [*context.encode(picture), *context.encode(None)]
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"a picture cannot be written as {suffix}: {because(error)}") from error
    return b"".join(bytes(packet) for packet in packets)


def write_still(frame: av.VideoFrame, path: Path, quality: int = 90) -> int:
    """Write a picture to a file that is there only when it is whole; give its bytes."""
    data = still_bytes(frame, path.suffix, quality)
    part = path.with_name(path.name + ".part")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        raise MediaError(f"{path} cannot be written: {because(error)}") from error
    return len(data)
