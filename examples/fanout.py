"""Fan-out: everybody gets a copy of everything. A list of destinations says so."""

from kamesh import Graphline
from kamesh.components.console import ConsoleEchoer
from kamesh.components.plumbing import Count
from kamesh.components.sources import DataSource

Graphline(
    NEWS=DataSource(["rain", "sun", "fog"]),
    SHOUT=str.upper,
    COUNT=Count(),
    LOUD=ConsoleEchoer(tag="loud: "),
    TOTAL=ConsoleEchoer(tag="total: "),
    linkages={
        ("NEWS", "outbox"): [("SHOUT", "inbox"), ("COUNT", "inbox")],
        ("SHOUT", "outbox"): ("LOUD", "inbox"),
        ("COUNT", "outbox"): ("TOTAL", "inbox"),
    },
).run()
