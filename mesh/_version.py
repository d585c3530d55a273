"""The version, in one place: read by the build, by HELLO and by `kamesh --version`."""

__version__ = "0.1.0"
