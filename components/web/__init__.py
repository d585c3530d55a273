"""The web: HTTP, on a well-kept library.

Law: nothing of that library is imported before it is used.
"""

from kamesh.components.network.trouble import ListenError, Listening
from kamesh.components.web.streams import Served, StreamServer

__all__ = ["ListenError", "Listening", "Served", "StreamServer"]
