"""Things named in text, as topologies and one-line pipelines must: protocols, handlers."""

import pytest

from kamesh.components.named import is_name, thing_named
from kamesh.components.network import TCPServer
from kamesh.components.network.factory import Factory
from kamesh.components.network.messages import Peer
from kamesh.components.oneline import pipeline_of
from kamesh.components.protocols import Echo
from kamesh.errors import NotSuitable, UnknownName

PEER = Peer("127.0.0.1", 1, "127.0.0.1", 2)


def test_what_is_a_name():
    """A module and what is in it; no address, no path."""
    assert is_name("a.b:C.d")
    for other in ("a", "127.0.0.1:80", "c:\\x", "/a:b", "", None, Echo):
        assert not is_name(other)


def test_what_is_named():
    """It is imported; what cannot be had is said with its name."""
    assert thing_named("kamesh.components.protocols:Echo") is Echo
    with pytest.raises(UnknownName, match=r"^no_such_module:X cannot be had: No module named"):
        thing_named("no_such_module:X")
    with pytest.raises(UnknownName, match="kamesh:Nothing cannot be had"):
        thing_named("kamesh:Nothing")


@pytest.mark.parametrize("name", ["kamesh.components.protocols:Echo", "Echo", "echo"])
def test_a_protocol_by_its_name(name):
    """A class by its place, a component of the library by its name or word alone."""
    assert isinstance(Factory(name)(PEER), Echo)


def test_mistakes_with_names():
    """The likely one is suggested; what is no component is refused when the server is made."""
    with pytest.raises(UnknownName, match="did you mean 'Echo'"):
        TCPServer("Ecco")
    with pytest.raises(NotSuitable, match="makes no components"):
        TCPServer("kamesh:__version__")


def test_a_server_in_one_line():
    """As the page of TCPServer promises."""
    server = pipeline_of("tcp-server echo port=0").parts["tcp-server"]
    assert isinstance(server, TCPServer)
