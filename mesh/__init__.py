"""Components with inboxes and outboxes, wired like pipes, across processes and machines.

    from kamesh import Pipeline
    from kamesh.components.console import ConsoleEchoer, ConsoleReader

    Pipeline(ConsoleReader(), str.upper, ConsoleEchoer()).run()

Floors, each standing only on those below: deploy, nodes, components, and this one (boxes, scheduler,
components, linkages, protocols, transports).
"""

if __name__ != "kamesh":
    raise ImportError("import it as kamesh: pip install -e . puts it under that name")

from kamesh._version import __version__
from kamesh.backplane import Backplane, PublishTo, SubscribeTo
from kamesh.chassis import Chassis, Graphline, Pipeline
from kamesh.codec import register
from kamesh.component import Component
from kamesh.errors import ComponentFailed, EmptyInbox, Ended, KameshError
from kamesh.handle import Handle
from kamesh.messages import Failure, ProducerFinished, Shutdown
from kamesh.nesting import WaitComplete
from kamesh.owner import Policy
from kamesh.sequence import Carousel, Par, Seq
from kamesh.threaded import ThreadedComponent
from kamesh.transformer import PureTransformer
from kamesh.wiring import ByDemand, ToAll

__all__ = [
    "Backplane",
    "ByDemand",
    "Carousel",
    "Chassis",
    "Component",
    "ComponentFailed",
    "EmptyInbox",
    "Ended",
    "Failure",
    "Graphline",
    "Handle",
    "KameshError",
    "Par",
    "Pipeline",
    "Policy",
    "ProducerFinished",
    "PublishTo",
    "PureTransformer",
    "Seq",
    "Shutdown",
    "SubscribeTo",
    "ThreadedComponent",
    "ToAll",
    "WaitComplete",
    "__version__",
    "register",
]
