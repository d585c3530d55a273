"""Router: each message to exactly one outbox."""

import pytest

from kamesh import ComponentFailed, Graphline
from kamesh.components.plumbing import Router, WrongFigure
from kamesh.components.sources import DataSink, DataSource
from kamesh.errors import NameTaken
from kamesh.testing import keeps_promises, run


def by_kind():
    """Make a router of pairs by their first half."""
    return Router(lambda pair: pair[0], ["audio", "video"])


def test_promises():
    """It does as any component does, by any of its outboxes."""
    pairs = [("audio", 1), ("video", 2), ("audio", 3)]
    assert keeps_promises(by_kind, pairs, outbox="audio") == [("audio", 1), ("audio", 3)]
    assert keeps_promises(by_kind, [("text", 1)]) == [("text", 1)]


def test_by_key():
    """Where the key says; what no route is for goes to "outbox", and is counted."""
    router = by_kind()
    sent = run(router, [("audio", 1), ("text", 2), ("video", 3), ("audio", 4)])
    assert sent["audio"] == [("audio", 1), ("audio", 4)]
    assert sent["video"] == [("video", 3)]
    assert sent["outbox"] == [("text", 2)]
    assert router.details() == {"unrouted": 1}


def test_by_a_mapping():
    """Several keys may share an outbox, "outbox" too."""
    sent = run(Router(lambda n: n % 4, {0: "even", 2: "even", 3: "outbox"}), range(8))
    assert (sent["even"], sent["outbox"]) == ([0, 2, 4, 6], [1, 3, 5, 7])


def test_by_a_field():
    """The name of an item, or of an attribute, is a key too: a topology file can say that."""
    sent = run(Router("kind", ["a"]), [{"kind": "a"}, {"kind": "b"}, {}])
    assert (sent["a"], sent["outbox"]) == ([{"kind": "a"}], [{"kind": "b"}, {}])
    assert run(Router("real", {1: "one"}), [1, 2])["one"] == [1]


def test_by_predicates():
    """The first that holds has it."""
    router = Router.where(small=lambda n: n < 3, even=lambda n: n % 2 == 0, name="SORT")
    sent = run(router, range(6))
    assert (sent["small"], sent["even"], sent["outbox"]) == ([0, 1, 2], [4], [3, 5])
    assert router.name == "SORT"


def test_a_receiver_that_does_not_read():
    """It holds back the stream, unless its linkage has another policy; then it loses, counted."""
    deaf, other = DataSink(), DataSink()
    deaf.inbox.bound = 2

    class Deaf(DataSink):
        bounds = {"inbox": 2}

        def main(self):
            while not (self.inbox.live == 0 and self.inbox.finished):
                yield self.pause()

    deaf = Deaf()
    Graphline(
        SOURCE=DataSource(range(20)),
        ROUTE=Router.where(odd=lambda n: n % 2),
        ODD=deaf,
        EVEN=other,
        linkages={
            ("SOURCE", "outbox"): ("ROUTE", "inbox"),
            ("ROUTE", "odd"): ("ODD", "inbox"),
            ("ROUTE", "outbox"): ("EVEN", "inbox"),
        },
        policies={("ROUTE", "odd"): "drop_oldest"},
    ).run()
    assert other.messages == list(range(0, 20, 2))
    assert deaf.inbox.dropped == 10


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Router(str, []), WrongFigure, "a Router needs the names of its boxes"),
        (lambda: Router(str, ["a", "a"]), NameTaken, "second box named 'a'"),
        (lambda: Router(str, ["inbox"]), NameTaken, "second box named 'inbox'"),
        (lambda: Router(str, {1: ""}), WrongFigure, "'' is none"),
    ],
)
def test_mistakes(make, error, sentence):
    """They are refused when it is made, in a sentence."""
    with pytest.raises(error, match=sentence):
        make()


def test_a_key_that_is_none():
    """One that cannot stand in a dict fails it, in a sentence; one that raises, at its own line."""
    with pytest.raises(ComponentFailed, match=r"cannot look up the key \[1\]"):
        run(Router(lambda m: [m], ["a"]), [1])
    with pytest.raises(ComponentFailed, match=r"lambda m: m\.kind"):
        run(Router(lambda m: m.kind, ["a"]), [1])
