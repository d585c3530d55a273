"""What kamesh's own records are called on the wire and in journals, and their fields, for good.

A node of one version talks to a node of another, and a journal is read by a later kamesh: a class may
move to another file, and keeps its name. This table is only ever appended to.
"""

import dataclasses
import importlib
import pkgutil
from types import ModuleType

import kamesh
import kamesh.components
import kamesh.deploy
import kamesh.nodes
from kamesh.codec import decode, encode
from kamesh.codec.registry import _NAMED, _Record
from kamesh.messages import Shutdown

NAMES = {
    "Failure": "component error message file line text box says_all",
    "ProducerFinished": "who at_end",
    "Shutdown": "reason",
    "chunks.Chunk": "data keyframe pts sequence",
    "chunks.Preamble": "data",
    "coupling.Ack": "session count",
    "coupling.Again": "session",
    "coupling.Copy": "session index floor present state",
    "coupling.Cut": "session index vector base missed shared state",
    "coupling.Hello": "who session vector fresh known keep",
    "coupling.Missed": "who count why",
    "coupling.Probe": "session index",
    "coupling.Snapshot": "state missed",
    "coupling.Start": "session index",
    "coupling.Status": "who number peers counts published ended",
    "coupling.Told": "session index origin seq message",
    "files.FileChanged": "path change",
    "files.FilePart": "path data offset last",
    "mail.Delivered": "mail recipients reply",
    "mail.Mail": "sender recipients data peer hello user tls",
    "mail.Question": "step peer hello sender recipient user tls",
    "mail.Undelivered": "mail recipients reason code",
    "files.FileFailed": "path reason",
    "media.AudioInfo": "codec time_base sample_rate channels extradata",
    "media.FilterCommand": "filter command argument",
    "media.MediaPacket": "stream data pts dts duration keyframe",
    "media.MediaReport": "path size format video_codec audio_codec width height frames keyframes seconds"
    " audio_samples audio_seconds damaged numbered first last missing repeated",
    "media.Recorded": "path bytes chunks",
    "media.SetGain": "input output gain",
    "media.SoundLevel": "time peak rms",
    "media.StreamHeader": "streams",
    "media.Subtitle": "text start end",
    "media.VideoInfo": "codec time_base width height rate extradata pixel_format",
    "network.Connected": "peer",
    "network.Datagram": "data host port group arrived own",
    "network.Disconnected": "peer reason received sent",
    "network.JoinGroup": "group source",
    "network.LeaveGroup": "group source",
    "network.Listening": "url host port",
    "network.Peer": "host port local_host local_port subject",
    "network.Refused": "where reason again_in",
    "nodes.BoxReport": "name level bound arrived taken dropped ended",
    "nodes.ComponentReport": "name kind state turns inboxes outboxes failure details",
    "nodes.LinkReport": "peer state health bytes_sent bytes_received resent connections",
    "nodes.LinkageReport": "source sink policy sent dropped state waiting",
    "nodes.Missed": "count why",
    "nodes.NodeReport": "name state pid endpoint since components links linkages members",
    "nodes.Unlinked": "",
    "plumbing.Difference": "number a b over",
    "plumbing.Gap": "first last",
    "plumbing.Numbered": "number message",
    "process.Exited": "status signal",
    "protocols.Note": "what nick text",
    "web.Event": "data event id retry",
    "web.Failed": "request reason",
    "web.Request": "url method headers body number peer parts",
    "web.Response": "status body headers number url",
}


def _import_all(package: ModuleType) -> None:
    """Import every module below it but the ones that are programs."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def _own() -> dict[str, str]:
    """Give the name and the fields of every class of kamesh that was registered."""
    for package in (kamesh, kamesh.components, kamesh.nodes, kamesh.deploy):
        _import_all(package)
    found = {}
    for name, entry in _NAMED.items():
        kind = entry.kind if isinstance(entry, _Record) else entry
        if kind.__module__.split(".")[0] == "kamesh":
            assert name.rpartition(".")[2] == kind.__qualname__, f"{name} is the name of {kind}"
            found[name] = " ".join(field.name for field in dataclasses.fields(kind))
    return found


def test_the_names_and_fields_are_what_they_were():
    """A name that has gone, or has other fields, makes links and journals of before unreadable."""
    assert _own() == NAMES


def test_no_name_depends_on_a_file():
    """Names as "module:Class" are for the classes of users: kamesh's own can move to other files."""
    assert [name for name in _own() if ":" in name] == []


def test_golden_bytes():
    """Of one of them, as it travels and as a journal keeps it."""
    golden = "0091c7151993a853687574646f776ea6726561736f6ea3776879"
    assert encode([Shutdown("why")]).payload.hex() == golden
    assert decode(bytes.fromhex(golden)) == [Shutdown("why")]
