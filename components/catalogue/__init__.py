"""The catalogue: which components there are, ours and those of others, and a page for each.

    for entry in catalogue().entries:
        print(entry.name, entry.summary)

Law: what it knows it reads from the components themselves; nothing is listed by hand.
"""

from kamesh.components.catalogue.entries import Catalogue, Entry, catalogue, entry_of
from kamesh.components.catalogue.page import Page, page_of
from kamesh.components.catalogue.values import Value, value_named

__all__ = [
    "Catalogue",
    "Entry",
    "Page",
    "Value",
    "catalogue",
    "entry_of",
    "page_of",
    "value_named",
]
