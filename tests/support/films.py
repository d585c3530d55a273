"""Small films for tests, made by the program ffmpeg, which shares none of our code; and frames."""

import shutil
import subprocess
from fractions import Fraction

import av
import numpy as np
import pytest

from kamesh import Graphline
from kamesh.testing import Collector, promises

PICTURES = "testsrc=size=64x48:rate=25:duration={seconds}"
TONE = "sine=frequency={pitch}:sample_rate=48000:duration={seconds}"


def ffmpeg(*words):
    """Run ffmpeg; the test is skipped where there is none, or it cannot do what is asked."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    told = subprocess.run(
        ["ffmpeg", "-v", "error", "-y", *map(str, words)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if told.returncode:
        pytest.skip(f"this ffmpeg cannot make it: {told.stderr.strip()[-200:]}")


def film(path, *words, seconds=1, pitches=(440,)):
    """Make a film of 64 x 48 at 25 pictures a second, with a tone a sound track; give its path."""
    inputs = ["-f", "lavfi", "-i", PICTURES.format(seconds=seconds)]
    for pitch in pitches:
        inputs += ["-f", "lavfi", "-i", TONE.format(seconds=seconds, pitch=pitch)]
    maps = [each for n in range(len(pitches) + 1) for each in ("-map", f"{n}")]
    ffmpeg(*inputs, *maps, *words, path)
    return path


def grey(number, value=128, size=(64, 48), rate=25, form="gray"):
    """Make one picture of one shade."""
    frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0]), value, np.uint8), "gray")
    frame = frame if form == "gray" else frame.reformat(format=form)
    frame.pts, frame.time_base = number, Fraction(1, rate)
    return frame


def shade(frame, x=None, y=None):
    """Give the mean shade of a picture, or the one at a place."""
    pixels = frame.to_ndarray(format="gray")
    return float(pixels.mean()) if x is None else int(pixels[y, x])


def tone(number, samples=480, rate=48000, hertz=1000, layout="stereo", level=0.5):
    """Make the n-th piece of a sine wave."""
    at = np.arange(number * samples, (number + 1) * samples)
    wave = np.rint(np.sin(2 * np.pi * hertz * at / rate) * level * 32767).astype(np.int16)
    channels = {"mono": 1, "stereo": 2}[layout]
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, channels)[None, :], "s16", layout)
    frame.sample_rate = rate
    frame.pts, frame.time_base = number * samples, Fraction(1, rate)
    return frame


def played(source, *parts, boxes=("outbox", "audio")):
    """Run a source and what follows it; give what comes out of each of the last one's boxes."""
    chain = {"PART0": source, **{f"PART{n}": part for n, part in enumerate(parts, 1)}}
    linkages = {
        (f"PART{n}", "outbox"): (f"PART{n + 1}", "inbox") for n in range(len(chain) - 1)
    }
    kept = {box: Collector() for box in boxes}
    last = f"PART{len(chain) - 1}"
    for box in boxes:
        linkages[(last, box)] = (f"KEPT{box}", "inbox")
    Graphline(**chain, **{f"KEPT{box}": kept[box] for box in boxes}, linkages=linkages).run()
    return [kept[box].messages for box in boxes]


def said(frame):
    """Give what two frames that are alike have in common, as frames themselves are never equal."""
    size = (frame.samples,) if hasattr(frame, "samples") else (frame.width, frame.height)
    return (frame.pts, frame.time_base, frame.format.name, *size)


def keeps_promises(make, inputs, **boxes):
    """Check what every component promises, with fewer messages than usual, as each is a frame.

    Frames that it sends are told by what they have in common with others like them.
    """

    def telling():
        part = make()
        send = part.send
        part.send = lambda sent, box="outbox": send(
            said(sent) if hasattr(sent, "time_base") and hasattr(sent, "format") else sent, box
        )
        return part

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(promises, "MANY", 400)
        return promises.keeps_promises(telling, inputs, **boxes)
