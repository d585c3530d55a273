"""Files: as bytes and as lines.

    from kamesh.components.files import FileReader, LineReader

Laws: a disk is never waited for in the event loop; what goes wrong is said in one sentence with the
file's name.
"""

from kamesh.components.files.raw import FileError, FileReader, FileWriter, sentence
from kamesh.components.files.text import LineReader, LineWriter
from kamesh.components.framing.lines import JoinLines, NotText, SplitLines

__all__ = [
    "FileError",
    "FileReader",
    "FileWriter",
    "JoinLines",
    "LineReader",
    "LineWriter",
    "NotText",
    "SplitLines",
    "sentence",
]
