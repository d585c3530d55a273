"""Coupling: backplanes of several nodes made one, in any shape, with a snapshot for who comes late.

    from kamesh.components.coupling import Couple, CoupledBackplane, Follow, last, latest_by

Law: each message reaches each subscriber once, in its publisher's order; what cannot is reported.
"""

from kamesh.components.coupling.backplane import Couple, CoupledBackplane, Follow
from kamesh.components.coupling.keep import Keep, Reducer, last, latest_by
from kamesh.components.coupling.messages import Missed, Snapshot
from kamesh.components.coupling.peer import CouplingRefused

__all__ = [
    "Couple",
    "CoupledBackplane",
    "CouplingRefused",
    "Follow",
    "Keep",
    "Missed",
    "Reducer",
    "Snapshot",
    "last",
    "latest_by",
]
