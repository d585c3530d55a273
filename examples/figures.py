"""Figures: what every component, inbox and linkage can tell of itself."""

from kamesh import Graphline
from kamesh.components.plumbing import Count
from kamesh.components.sources import DataSink, DataSource

graph = Graphline(SOURCE=DataSource(range(5000)), COUNT=Count(), SINK=DataSink())
(data,) = graph.link(("SOURCE", "outbox"), ("COUNT", "inbox"))
graph.link(("COUNT", "outbox"), ("SINK", "inbox"))
graph.run()

print("linkage:", data)
for part in graph.parts.values():
    figures = part.statistics()
    print(f"{figures.path} is {figures.state}", dict(figures.details) or "")
    for box in figures.inboxes:
        if box.arrived and box.name != "control":
            print(f"  {box.name}: {box.arrived} arrived, {box.taken} taken, {box.dropped} dropped")
