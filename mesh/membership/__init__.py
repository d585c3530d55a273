"""Membership: which nodes, components and boxes there are, agreed on by gossip, without I/O.

SWIM with the Lifeguard corrections over links. Read `membership.py` first, then `rumours.py` for
what is believed, `directory.py` for the merge rule, and `limits.py` for every figure.
"""

from kamesh.membership.events import (
    Changed,
    Dial,
    Event,
    Failed,
    Hangup,
    Instruction,
    Joined,
    Left,
    NameTaken,
    Recovered,
    Send,
    Suspected,
)
from kamesh.membership.limits import MembershipLimits
from kamesh.membership.member import BadMember, Member, Part, State
from kamesh.membership.membership import Membership
from kamesh.membership.statistics import MembershipStatistics

__all__ = [
    "BadMember",
    "Changed",
    "Dial",
    "Event",
    "Failed",
    "Hangup",
    "Instruction",
    "Joined",
    "Left",
    "Member",
    "Membership",
    "MembershipLimits",
    "MembershipStatistics",
    "NameTaken",
    "Part",
    "Recovered",
    "Send",
    "State",
    "Suspected",
]
