"""The network: TCP, TLS, Unix sockets, UDP, multicast."""
