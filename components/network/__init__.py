"""The network: TCP, TLS, Unix sockets, UDP, multicast.

    from kamesh.components.network import TCPServer

Laws: a component sees bytes at its boxes and nothing of the network; what goes wrong is one sentence
with the address in it.
"""

from kamesh.components.network.clients import TCPClient, TLSClient, UnixClient
from kamesh.components.network.datagram import Datagram
from kamesh.components.network.messages import Connected, Disconnected, Peer, Refused
from kamesh.components.network.multicast import (
    MulticastReceiver,
    MulticastSender,
    MulticastTransceiver,
)
from kamesh.components.network.multicast_groups import JoinGroup, LeaveGroup
from kamesh.components.network.servers import TCPServer, TLSServer, UnixServer
from kamesh.components.network.tls import TLS
from kamesh.components.network.trouble import ListenError, Listening, NetworkError
from kamesh.components.network.udp import UDP, UDPReceiver, UDPSender

__all__ = [
    "TLS",
    "UDP",
    "Connected",
    "Datagram",
    "Disconnected",
    "JoinGroup",
    "LeaveGroup",
    "ListenError",
    "Listening",
    "MulticastReceiver",
    "MulticastSender",
    "MulticastTransceiver",
    "NetworkError",
    "Peer",
    "Refused",
    "TCPClient",
    "TCPServer",
    "TLSClient",
    "TLSServer",
    "UDPReceiver",
    "UDPSender",
    "UnixClient",
    "UnixServer",
]
