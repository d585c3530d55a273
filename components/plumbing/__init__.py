"""Plumbing: what stands between other components: copies, picks, counts, holds back, joins.

    from kamesh.components.plumbing import FirstOnly, Splitter

Law: what goes through is the same object that came, in its order, unless that is what a part is for;
a part that holds messages holds a bounded number, and then its source waits.
"""

from kamesh.components.plumbing.numbered import Annotator, Numbered, RecoverOrder
from kamesh.components.plumbing.order import Gap, OrderRecovery
from kamesh.components.plumbing.refusing import WrongFigure
from kamesh.components.plumbing.splitter import AddSink, RemoveSink, Splitter
from kamesh.components.plumbing.transforms import (
    Batch,
    Count,
    Filter,
    FirstOnly,
    PassThrough,
    Tee,
)

__all__ = [
    "AddSink",
    "Annotator",
    "Batch",
    "Count",
    "Filter",
    "FirstOnly",
    "Gap",
    "Numbered",
    "OrderRecovery",
    "PassThrough",
    "RecoverOrder",
    "RemoveSink",
    "Splitter",
    "Tee",
    "WrongFigure",
]
