"""Dynamic boxes and the registry: behaviours 52 to 55."""

import pytest
from component_kit import ECHOES, KINDS, GeneratorSink, Idler, end, idle, runtime, scene, start

from kamesh.errors import NameTaken, UnknownBox, UnknownName


@pytest.mark.parametrize("kind", KINDS)
def test_52_an_existing_name_becomes_distinct(kind: str) -> None:
    """To add a box by a name that is there gives it a distinct one, which is returned."""
    echo = ECHOES[kind]()
    assert echo.add_inbox("inbox") == "inbox-2"
    assert echo.add_inbox("inbox") == "inbox-3"
    assert echo.add_outbox("video") == "video"
    assert echo.add_outbox("video") == "video-2"
    assert list(echo.inboxes) == ["inbox", "control"]
    assert [box.name for box in echo.statistics().inboxes] == [
        "inbox", "control", "inbox-2", "inbox-3"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_53_deleting_boxes(kind: str) -> None:
    """To delete an unknown box is an error; with a box go its links and its figures."""
    echo, sink = ECHOES[kind](), GeneratorSink()
    with pytest.raises(UnknownBox, match="has no inbox 'vido'"):
        echo.delete_inbox("vido")
    with pytest.raises(UnknownBox, match="has no outbox 'vido'"):
        echo.delete_outbox("vido")
    name = echo.add_outbox("video")
    echo.link(("", name), (sink, "inbox"))
    echo.delete_outbox(name)
    assert sink.inbox.sources == ()
    assert name not in echo.statistics().sent
    with pytest.raises(UnknownBox):
        echo.delete_outbox(name)


def test_54_services() -> None:
    """A service is unique and stands for a real inbox; to take back an unknown one is an error."""

    async def main() -> None:
        services, one, two = runtime().services, Idler(), Idler()
        task = start(one)
        await idle()
        with pytest.raises(UnknownName, match="has no inbox 'inbax'"):
            services.register("store", one._strand, "inbax")
        services.register("store", one._strand, "inbox")
        with pytest.raises(NameTaken, match="'store' is there already: Idler"):
            services.register("store", two._strand, "inbox")
        assert services.find("store") == (one._strand, "inbox")
        services.deregister("store")
        with pytest.raises(UnknownName, match="'store'"):
            services.deregister("store")
        services.register("store", one._strand, "inbox")
        await end(task)
        with pytest.raises(UnknownName, match="'store'"):
            services.find("store")

    scene(main())


def test_55_tracked_values() -> None:
    """A tracked value is declared once, and only what is declared can be updated."""

    async def main() -> None:
        services = runtime().services
        with pytest.raises(UnknownName, match="'volume'"):
            services.update("volume", 5)
        services.track("volume", 1)
        with pytest.raises(NameTaken, match="'volume'"):
            services.track("volume", 2)
        services.update("volume", 11)
        assert services.value("volume") == 11
        with pytest.raises(UnknownName, match="'pan'"):
            services.value("pan")

    scene(main())
