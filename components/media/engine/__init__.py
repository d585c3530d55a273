"""The engine room of media: what PyAV and NumPy do, with no component in it.

Laws: only here is PyAV or NumPy imported when a module is, so that a node which only passes media on
starts without them; whoever uses a part of this imports it when it begins to work.
"""
