"""To be written."""

if __name__ != "kamesh.deploy":
    raise ImportError("import it as kamesh.deploy: pip install -e . puts it under that name")
