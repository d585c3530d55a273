"""Which containers a live stream may have, with FFmpeg's own words for each; no PyAV."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FILES", "LIVE"]

# containers that can be joined while they are written
LIVE: Mapping[str, Mapping[str, str]] = {
    "matroska": {"live": "1", "cluster_time_limit": "1000"},
    "webm": {"live": "1", "cluster_time_limit": "1000"},
    "ogg": {"page_duration": "200000"},  # microseconds
    "mp4": {"movflags": "+frag_keyframe+empty_moov+default_base_moof+delay_moov"},
    "mpegts": {"mpegts_flags": "+pat_pmt_at_frames", "flush_packets": "1"},
}

# containers of files, by the end of their names; an MP4 can be played up to where it broke off
FILES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    ".mkv": ("matroska", {}),
    ".mka": ("matroska", {}),
    ".webm": ("webm", {}),
    ".mp4": ("mp4", {"movflags": "+hybrid_fragmented+delay_moov"}),
    ".m4a": ("mp4", {"movflags": "+hybrid_fragmented+delay_moov"}),
    ".mov": ("mov", {"movflags": "+hybrid_fragmented+delay_moov"}),
    ".ogg": ("ogg", {}),
    ".oga": ("ogg", {}),
    ".ogv": ("ogg", {}),
    ".opus": ("ogg", {}),
    ".avi": ("avi", {}),
    ".nut": ("nut", {}),
    ".flv": ("flv", {}),
}
