"""The core of media: what is decided without PyAV, NumPy, threads or I/O.

Law: each part is pure, values in and values out, so it is tested by itself and runs on any node.
"""
