"""Media: a test card, files, encoding, decoding, MPEG-TS, recording, proof, and serving over HTTP.

Needs the extra `media` (`pip install "kamesh[media]"`): PyAV, NumPy and aiohttp. Nothing of these
is imported before it is used, so a node that only passes media on needs none of them, and starts as
fast.

Laws: pictures and sound travel as `av.VideoFrame` and `av.AudioFrame`, packets as `MediaPacket`
behind a `StreamHeader`, transport streams as `Chunk`s; a component holds a few frames at a time,
never a film.
"""

from kamesh.components.chunks import Chunk, Preamble
from kamesh.components.formats import (
    ByteStream,
    Packets,
    Pictures,
    Sound,
    Text,
    TransportStream,
    agree,
)
from kamesh.components.media.converting import FrameRate, Resample, Scale
from kamesh.components.media.core.gains import GainError, SetGain
from kamesh.components.media.decode import Decode
from kamesh.components.media.demux import Demux, PacketSource
from kamesh.components.media.devices import DeviceSource, device_kinds
from kamesh.components.media.encode import Encode
from kamesh.components.media.files import FileSource
from kamesh.components.media.filters import AudioFilter, FilterCommand, FilterGraph, VideoFilter
from kamesh.components.media.http import HTTPStream
from kamesh.components.media.images import ImageReader, ImageSource, ImageWriter, image_files
from kamesh.components.media.level import Level
from kamesh.components.media.line import MediaPipeline
from kamesh.components.media.messages import (
    AudioInfo,
    MediaPacket,
    SoundLevel,
    StreamHeader,
    Subtitle,
    VideoInfo,
)
from kamesh.components.media.mix import Mix
from kamesh.components.media.mux import Mux, MuxMPEGTS
from kamesh.components.media.network import NetworkSource
from kamesh.components.media.overlay import Overlay
from kamesh.components.media.probe import MediaReport, Probe, count_frames, probe
from kamesh.components.media.record import Record, Recorded, RecordingError
from kamesh.components.media.remux import RemuxMP4
from kamesh.components.media.soundcard import SoundInput, SoundOutput
from kamesh.components.media.subtitles import SubtitleReader, SubtitleText
from kamesh.components.media.sync import Sync
from kamesh.components.media.testcard import TestCard
from kamesh.components.media.trouble import MediaError
from kamesh.components.web.streams import ListenError, Listening

__all__ = [
    "AudioFilter",
    "AudioInfo",
    "ByteStream",
    "Chunk",
    "Decode",
    "Demux",
    "DeviceSource",
    "Encode",
    "FileSource",
    "FilterCommand",
    "FilterGraph",
    "FrameRate",
    "GainError",
    "HTTPStream",
    "ImageReader",
    "ImageSource",
    "ImageWriter",
    "Level",
    "ListenError",
    "Listening",
    "MediaError",
    "MediaPacket",
    "MediaPipeline",
    "MediaReport",
    "Mix",
    "Mux",
    "MuxMPEGTS",
    "NetworkSource",
    "Overlay",
    "PacketSource",
    "Packets",
    "Pictures",
    "Preamble",
    "Probe",
    "Record",
    "Recorded",
    "RecordingError",
    "RemuxMP4",
    "Resample",
    "Scale",
    "SetGain",
    "Sound",
    "SoundInput",
    "SoundLevel",
    "SoundOutput",
    "StreamHeader",
    "Subtitle",
    "SubtitleReader",
    "SubtitleText",
    "Sync",
    "TestCard",
    "Text",
    "TransportStream",
    "VideoFilter",
    "VideoInfo",
    "agree",
    "count_frames",
    "device_kinds",
    "image_files",
    "probe",
]
