"""Finding the other nodes of a mesh by zeroconf: hints of who listens where, never more.

`service.py` is the one file that imports zeroconf (13-50 ms), so import it where it is used;
`announcement.py`, `hearsay.py` and `interfaces.py` decide, without I/O, what is said and what is believed.

    from kamesh.discovery.service import Discovery
"""
