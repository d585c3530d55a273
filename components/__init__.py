"""Components to take parts from: the console, files, text, sources, transforms, time, media, HTTP.

    from kamesh.components.console import ConsoleEchoer, ConsoleReader

Laws: a component knows its boxes and nothing else; to import one costs nothing but its own file; one
that waits never holds up those beside it; every docstring says how the component ends.
"""

if __name__ != "kamesh.components":
    raise ImportError("import it as kamesh.components: pip install -e . puts it under that name")
