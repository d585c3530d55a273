"""Which route a request takes, and what of a file it is sent: decisions without a server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kamesh.codec import decode, encode
from kamesh.components.web import BadRoute, Event, Failed, Request, Response
from kamesh.components.web.files import inside, share_of
from kamesh.components.web.messages import header_lines, headers_of
from kamesh.components.web.routing import Found, Routes, WrongMethod
from kamesh.components.web.targets import as_response


def test_the_most_exact_route_is_taken():
    """Fixed text before names, names before a star, the longer star before the shorter."""
    routes = Routes({
        "/*": "all", "/a/*": "below a", "/a/{x}": "one", "/a/b": "b", "/a/b/*": "below b",
        "GET /": "home",
    })  # fmt: skip
    for path, target in {
        "/": "home", "/a/b": "b", "/a/c": "one", "/a/c/d": "below a", "/a/b/c": "below b",
        "/zzz": "all", "/a/": "below a",
    }.items():  # fmt: skip
        found = routes.find("GET", path)
        assert isinstance(found, Found)
        assert found.target == target, path
    assert routes.find("GET", "/a/c").parts == {"x": "c"}
    assert routes.find("GET", "/a/b/c/d").rest == "c/d"


def test_a_wrong_method_is_not_a_wrong_path():
    """The methods that would do are named; HEAD goes where GET does."""
    routes = Routes({"POST /items": "add", "GET /items": "list", "PUT /one": "put"})
    assert routes.find("POST", "/items").target == "add"
    assert routes.find("HEAD", "/items").target == "list"
    assert routes.find("GET", "/one") == WrongMethod(("PUT",))
    assert routes.find("GET", "/none") is None


@pytest.mark.parametrize(
    "text", ["items", "", "get /x", "/a/{}", "/a/{x}/{x}", "/a*", "/a/*/b", "/{a", "/a}", 17]
)
def test_what_is_no_route_is_refused(text):
    """In a sentence that repeats it."""
    with pytest.raises(BadRoute, match="is no route"):
        Routes({text: "target"})


def share(size, **headers):
    """What is sent of a file of so many bytes."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return share_of(size, 1_700_000_000_000_000_000, given)


@pytest.mark.parametrize(
    ("wanted", "status", "start", "count"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=2-4", 206, 2, 3),
        ("bytes=5-", 206, 5, 5),
        ("bytes=-3", 206, 7, 3),
        ("bytes=-99", 206, 0, 10),
        ("bytes=8-99", 206, 8, 2),
        ("bytes=10-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=4-2", 200, 0, 10),
        ("bytes=-", 200, 0, 10),
        ("bytes=0-1,4-5", 200, 0, 10),
        ("lines=0-1", 200, 0, 10),
        ("", 200, 0, 10),
    ],
)
def test_ranges(wanted, status, start, count):
    """As RFC 9110, 14 has them."""
    got = share(10, range=wanted)
    assert (got.status, got.start, got.count) == (status, start, count)
    if status == 206:
        assert got.headers["content-range"] == f"bytes {start}-{start + count - 1}/10"


@given(st.integers(0, 50), st.text(alphabet="bytes=-0123456789, ", max_size=20))
def test_no_range_leads_outside_of_the_file(size, wanted):
    """Whatever is asked for, what is sent lies within."""
    got = share(size, range=wanted)
    assert got.start >= 0
    assert got.start + got.count <= size
    assert got.status in (200, 206, 416)


def test_who_has_a_file_already_is_not_sent_it_again():
    """By its tag, by its time; a range is only of the file that it was wanted of."""
    etag, date = share(10).headers["etag"], share(10).headers["last-modified"]
    assert share(10, if_none_match=etag).status == 304
    assert share(10, if_none_match=f'"x", W/{etag}').status == 304
    assert share(10, if_none_match="*").status == 304
    assert share(10, if_none_match='"x"', if_modified_since=date).status == 200
    assert share(10, if_modified_since=date).status == 304
    assert share(10, if_modified_since="no date").status == 200
    assert share(10, range="bytes=1-", if_range=etag).status == 206
    assert share(10, range="bytes=1-", if_range=date).status == 206
    assert share(10, range="bytes=1-", if_range='"x"').status == 200


def test_inside_a_folder(tmp_path):
    """A folder's index stands for it; a file given as the root is itself."""
    (tmp_path / "index.html").write_text("x")
    assert inside(tmp_path, "") == tmp_path / "index.html"
    assert inside(tmp_path / "index.html", "") == tmp_path / "index.html"
    assert inside(tmp_path / "index.html", "x") is None
    assert inside(tmp_path, "./index.html") is None


def test_headers_of_one_name_are_one_value():
    """But for set-cookie; and what would be more lines than meant is refused."""
    lines = [("Accept", "a"), ("accept", "b"), ("Set-Cookie", "x=1"), ("Set-Cookie", "y=2")]
    headers = headers_of(lines)
    assert headers == {"accept": "a, b", "set-cookie": "x=1\ny=2"}
    assert header_lines(headers) == [("accept", "a, b"), ("set-cookie", "x=1"), ("set-cookie", "y=2")]
    with pytest.raises(ValueError, match="line end"):
        header_lines({"location": "/x\r\nset-cookie: evil=1"})


def test_what_is_said_travels_between_processes():
    """It arrives as it was sent."""
    request = Request("http://h/p%20q?a=1", "POST", {"x": "y"}, b"body", 3, "::1", {"id": "7"})
    said = [request, Response(404, "none"), Event("data", "kind", "7", 2.0), Failed(request, "why")]
    encoded = encode(said)
    assert decode(encoded.payload, encoded.buffers) == said
    assert (request.path, request.query, request.text) == ("/p q", {"a": "1"}, "body")


def test_what_functions_return():
    """Text, bytes, JSON, nothing, a Response; anything else is a mistake."""
    assert as_response("x").headers["content-type"].startswith("text/plain")
    assert as_response({"a": 1}).json() == {"a": 1}
    assert as_response([1, 2]).content == b"[1, 2]"
    assert as_response(None).status == 204
    with pytest.raises(TypeError, match="answered with object"):
        as_response(object())
