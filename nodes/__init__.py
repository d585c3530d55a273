"""To be written."""

if __name__ != "kamesh.nodes":
    raise ImportError("import it as kamesh.nodes: pip install -e . puts it under that name")
