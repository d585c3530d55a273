"""Skeletons: what `kamesh new` makes, each working and tested from the first minute.

Law: to make one is pure, names in and texts out; `making.py` of the command line writes them.
"""

from kamesh.deploy.skeletons.names import Names, named
from kamesh.deploy.skeletons.texts import KINDS, WHAT, files_of

__all__ = ["KINDS", "WHAT", "Names", "files_of", "named"]
