"""Captions: subtitles as text, in the forms SRT and WebVTT. Pure.

Laws: what is written can be read again by FFmpeg, to the millisecond; a caption whose end is not known
stays LONGEST seconds; one without words is left out.
"""

from __future__ import annotations

from kamesh.components.media.messages import Subtitle

__all__ = ["FORMS", "caption", "caption_head"]

FORMS = ("srt", "webvtt")
LONGEST = 5.0  # seconds


def caption_head(form: str) -> str:
    """Give what stands before the first caption."""
    return "WEBVTT\n\n" if form == "webvtt" else ""


def caption(form: str, number: int, subtitle: Subtitle) -> str:
    r"""Write one caption, numbered from 1; "" if it has no words.

    Example: `caption("srt", 1, Subtitle("Hello", 1, 2.5))` is
    "1\n00:00:01,000 --> 00:00:02,500\nHello\n\n".
    """
    lines = [line.strip() for line in subtitle.text.split("\n") if line.strip()]
    if not lines:
        return ""
    end = subtitle.end if subtitle.end < float("inf") else subtitle.start + LONGEST
    if form == "webvtt":
        lines = [
            line.replace("&", "&amp;").replace("<", "&lt;").replace("-->", "--&gt;")
            for line in lines
        ]
    mark = "." if form == "webvtt" else ","
    times = f"{_clock(subtitle.start, mark)} --> {_clock(end, mark)}"
    return "\n".join([str(number), times, *lines, "", ""])


def _clock(seconds: float, mark: str) -> str:
    whole = max(0, round(seconds * 1000))
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"
