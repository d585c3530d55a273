"""Components to take parts from. `kamesh components` lists them all.

    from kamesh.components.console import ConsoleEchoer, ConsoleReader

    console, sources, ticker     to begin with
    plumbing                     what stands between others: copies, holds back, joins, limits
    coupling                     backplanes of several nodes as one
    framing                      messages out of bytes, and back
    files, journal               disks: files, folders; messages kept with their times
    network, web, mail, process  TCP, TLS, UDP, multicast; HTTP; SMTP; other programs
    protocols                    what is said over a connection, apart from any network
    media                        pictures and sound
    oneline, catalogue           "a ! b ! c"; which components there are

Laws: a component knows its boxes and nothing else; to import one costs nothing but its own file; one
that waits never holds up those beside it; every docstring says how the component ends.
"""

if __name__ != "kamesh.components":
    raise ImportError("import it as kamesh.components: pip install -e . puts it under that name")
