"""The web: HTTP, on a well-kept library.

Law: nothing of that library is imported before it is used.
"""

from kamesh.components.web.streams import HTTPServer, ListenError, Listening, Served

__all__ = ["HTTPServer", "ListenError", "Listening", "Served"]
