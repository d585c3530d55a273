"""Plumbing: what stands between other components: copies, picks, counts, holds back, joins.

    from kamesh.components.plumbing import FirstOnly, Splitter

    copies    Splitter TwoWaySplitter Tee PassThrough         joins     Merger OrderedMerger Comparator
    picks     Filter FirstOnly Router Valve                   counts    Count Batch
    in time   RateLimiter Throttle Debounce Delay             in order  Annotator RecoverOrder
    in turn   ForEach Repeat InTurn                           in tests  LossyConnector
    outside   StopOnSignal LikeFile

Law: what goes through is the same object that came, in its order, unless that is what a part is for;
a part that holds messages holds a bounded number, and then its source waits.
"""

from kamesh.components.plumbing.batch import Batch
from kamesh.components.plumbing.bucket import Bucket
from kamesh.components.plumbing.carousels import ForEach, InTurn, Repeat
from kamesh.components.plumbing.comparator import Comparator, Difference
from kamesh.components.plumbing.delay import Delay
from kamesh.components.plumbing.likefile import LikeFile, LikeFileTimeout
from kamesh.components.plumbing.lossy import LossyConnector
from kamesh.components.plumbing.merger import Merger, OrderedMerger
from kamesh.components.plumbing.numbered import Annotator, Numbered, RecoverOrder
from kamesh.components.plumbing.order import Gap, OrderRecovery
from kamesh.components.plumbing.ratelimiter import RateLimiter
from kamesh.components.plumbing.router import Router
from kamesh.components.plumbing.splitter import AddSink, RemoveSink, Splitter
from kamesh.components.plumbing.stopsignal import StopOnSignal
from kamesh.components.plumbing.thinning import Debounce, Throttle
from kamesh.components.plumbing.transforms import Count, Filter, FirstOnly, PassThrough, Tee
from kamesh.components.plumbing.twoway import TwoWaySplitter
from kamesh.components.plumbing.valve import Valve
from kamesh.components.refusing import WrongFigure

__all__ = [
    "AddSink",
    "Annotator",
    "Batch",
    "Bucket",
    "Comparator",
    "Count",
    "Debounce",
    "Delay",
    "Difference",
    "Filter",
    "FirstOnly",
    "ForEach",
    "Gap",
    "InTurn",
    "LikeFile",
    "LikeFileTimeout",
    "LossyConnector",
    "Merger",
    "Numbered",
    "OrderRecovery",
    "OrderedMerger",
    "PassThrough",
    "RateLimiter",
    "RecoverOrder",
    "RemoveSink",
    "Repeat",
    "Router",
    "Splitter",
    "StopOnSignal",
    "Tee",
    "Throttle",
    "TwoWaySplitter",
    "Valve",
    "WrongFigure",
]
