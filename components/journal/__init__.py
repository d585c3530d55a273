"""Journals: messages kept on disk, with their times."""
