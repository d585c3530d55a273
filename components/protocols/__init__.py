"""Protocols: what is said over a connection, apart from any network."""
