"""Files and folders: as bytes, lines and records; as they grow and as they change.

    from kamesh.components.files import FileReader, LineReader, ListFolder, Tail

Laws: a disk is never waited for in the event loop; what goes wrong is said in one sentence with the
file's name; what is to be whole is whole or not there.
"""

from kamesh.components.files.atomic import AtomicWrite, replacing
from kamesh.components.files.errors import FileError, sentence
from kamesh.components.files.failing import FileFailed
from kamesh.components.files.folders import FilePart, ListFolder, ReadFolder
from kamesh.components.files.moving import MoveFile, RemoveFile
from kamesh.components.files.placing import WriteFolder
from kamesh.components.files.raw import FileReader, FileWriter
from kamesh.components.files.records import RecordReader, RecordWriter
from kamesh.components.files.tail import Tail
from kamesh.components.files.text import LineReader, LineWriter
from kamesh.components.files.watching import FileChanged, WatchFolder
from kamesh.components.framing.lines import JoinLines, NotText, SplitLines

__all__ = [
    "AtomicWrite",
    "FileChanged",
    "FileError",
    "FileFailed",
    "FilePart",
    "FileReader",
    "FileWriter",
    "JoinLines",
    "LineReader",
    "LineWriter",
    "ListFolder",
    "MoveFile",
    "NotText",
    "ReadFolder",
    "RecordReader",
    "RecordWriter",
    "RemoveFile",
    "SplitLines",
    "Tail",
    "WatchFolder",
    "WriteFolder",
    "replacing",
    "sentence",
]
