"""The network: TCP, TLS, Unix sockets, UDP, multicast.

    from kamesh.components.network import TCPServer

Laws: a component sees bytes at its boxes and nothing of the network; what goes wrong is one sentence
with the address in it.
"""

from kamesh.components.network.clients import TCPClient, TLSClient, UnixClient
from kamesh.components.network.messages import Connected, Disconnected, Peer, Refused
from kamesh.components.network.servers import TCPServer, TLSServer, UnixServer
from kamesh.components.network.tls import TLS
from kamesh.components.network.trouble import ListenError, Listening, NetworkError

__all__ = [
    "TLS",
    "Connected",
    "Disconnected",
    "ListenError",
    "Listening",
    "NetworkError",
    "Peer",
    "Refused",
    "TCPClient",
    "TCPServer",
    "TLSClient",
    "TLSServer",
    "UnixClient",
    "UnixServer",
]
