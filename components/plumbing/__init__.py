"""Plumbing: what stands between other components: copies, picks, counts, holds back, joins.

    from kamesh.components.plumbing import FirstOnly, Splitter

Law: what goes through is the same object that came, in its order, unless that is what a part is for.
"""

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
    "Batch",
    "Count",
    "Filter",
    "FirstOnly",
    "PassThrough",
    "RemoveSink",
    "Splitter",
    "Tee",
]
