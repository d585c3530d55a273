"""News: a backplane is a named place to publish to and to subscribe from.

Neither side knows the other. Who comes before the backplane waits for it, in any order.
"""

from kamesh import Backplane, Graphline, Pipeline, PublishTo, SubscribeTo
from kamesh.components.plumbing import FirstOnly
from kamesh.components.sources import DataSink, DataSource

london, oslo = DataSink(), DataSink()

Graphline(
    LONDON=Pipeline(SubscribeTo("NEWS"), FirstOnly(2), london),
    OSLO=Pipeline(SubscribeTo("NEWS"), FirstOnly(4), oslo),
    WEATHER=Pipeline(DataSource(["rain", "sun"]), PublishTo("NEWS")),
    SPORT=Pipeline(DataSource(["1 : 0", "1 : 1"]), PublishTo("NEWS")),
    PLACE=Backplane("NEWS", until_finished=True),
).run()

print("London heard", len(london.messages), "and went home")
print("Oslo heard", sorted(oslo.messages))
