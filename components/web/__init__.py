"""The web: HTTP servers and clients, WebSockets, Server-Sent Events, HLS, on a well-kept library.

    from kamesh.components.web import HTTPServer, Response

Needs the extra `web` (`pip install "kamesh[web]"`): aiohttp.

Laws: nothing of that library is imported before it is used; what travels between components is plain
and frozen, so that who answers a request may be another process; no client can hold up another one.
"""

from kamesh.components.network.trouble import ListenError, Listening
from kamesh.components.web.client import HTTPClient, HTTPDownload
from kamesh.components.web.conversing import WebSocket
from kamesh.components.web.events import EventClient, EventServer
from kamesh.components.web.hls import HLSFolder, HLSServer
from kamesh.components.web.limits import Limits
from kamesh.components.web.messages import Event, Failed, Request, Response
from kamesh.components.web.routing import BadRoute
from kamesh.components.web.server import HTTPServer
from kamesh.components.web.streams import Served, StreamServer
from kamesh.components.web.targets import BOXES
from kamesh.components.web.websockets import WebSocketClient, WebSocketServer

__all__ = [
    "BOXES",
    "BadRoute",
    "Event",
    "EventClient",
    "EventServer",
    "Failed",
    "HLSFolder",
    "HLSServer",
    "HTTPClient",
    "HTTPDownload",
    "HTTPServer",
    "Limits",
    "ListenError",
    "Listening",
    "Request",
    "Response",
    "Served",
    "StreamServer",
    "WebSocket",
    "WebSocketClient",
    "WebSocketServer",
]
