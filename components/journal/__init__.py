"""Journals: messages kept on disk with their times, to be played again, and buffers on disk.

    from kamesh.components.journal import Recorder, Replayer, DiskBuffer

Laws: what is on the disk is what crosses a process (`kamesh.codec`), each record with its checksum;
whatever cuts a journal off, nothing before the cut is lost, and what is cut off is said.
"""

from kamesh.components.journal.diskbuffer import DiskBuffer
from kamesh.components.journal.format import Info, Kind, NotAJournal, Record
from kamesh.components.journal.pace import Pace
from kamesh.components.journal.reading import JournalReader, open_journal
from kamesh.components.journal.recorder import NotRecordable, Recorder
from kamesh.components.journal.replayer import Replayer
from kamesh.components.journal.segments import Segments
from kamesh.components.journal.writing import JournalWriter

__all__ = [
    "DiskBuffer",
    "Info",
    "JournalReader",
    "JournalWriter",
    "Kind",
    "NotAJournal",
    "NotRecordable",
    "Pace",
    "Record",
    "Recorder",
    "Replayer",
    "Segments",
    "open_journal",
]
