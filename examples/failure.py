"""Failure: a component that raises ends its stream with a failure that names its own line.

With `on_failure="stop"`, the default, the others finish what they have and the chassis fails too;
with "continue" they go on, and whoever reads the broken stream can see that it broke.
"""

import logging

from kamesh import ComponentFailed, Graphline, Pipeline
from kamesh.components.sources import DataSink, DataSource

logging.getLogger("kamesh").setLevel(logging.CRITICAL)  # what is handled here need not be logged


def risky(number):
    """Divide a hundred."""
    return 100 // number


answers = DataSink()
try:
    Pipeline(DataSource([1, 4, 0, 5]), risky, answers).run()
except ComponentFailed as failed:
    failure = failed.failure
    print(f"{failure.component}: {failure.error}: {failure.message}, at `{failure.text}`")
print("answers before it broke:", answers.messages)

broken, whole = DataSink(), DataSink()
Graphline(
    RISKY=Pipeline(DataSource([1, 4, 0, 5]), risky),
    BROKEN=broken,
    SAFE=DataSource("abc"),
    WHOLE=whole,
    linkages={("RISKY", "outbox"): ("BROKEN", "inbox"), ("SAFE", "outbox"): ("WHOLE", "inbox")},
    on_failure="continue",
).run()
print("the others went on:", whole.messages)
print("and who read the broken stream knows:", broken.inbox.failure is not None)
