"""The page of a live HLS stream, for people who open its address in a browser.

Law: it needs nothing but itself; a browser that does not play HLS says so, with what does.
"""

from __future__ import annotations

__all__ = ["page_of"]

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Live</title>
<style>
  :root { color-scheme: dark; }
  body { margin: 0; background: #0c0c0f; color: #d9d9de; font: 15px/1.5 system-ui, sans-serif; }
  main { max-width: 60rem; margin: 0 auto; padding: 1rem; }
  header { display: flex; align-items: baseline; gap: .8rem; }
  h1 { font-size: 1.1rem; margin: .5rem 0; }
  #note { color: #9a9aa5; }
  video { width: 100%; background: #000; border-radius: 8px; }
  code { background: #1a1a1f; border: 1px solid #2c2c33; border-radius: 6px; padding: 2px 8px;
         user-select: all; overflow-wrap: anywhere; }
</style>
<main>
  <header><h1>Live</h1><span id="note">waiting for the stream...</span></header>
  <video id="picture" controls autoplay muted playsinline></video>
  <p>In a player: <code id="player"></code></p>
</main>
<script>
"use strict";
const picture = document.getElementById("picture"), note = document.getElementById("note");
const address = new URL("STREAM.m3u8", location.href).href;
document.getElementById("player").textContent = "ffplay " + address;
if (picture.canPlayType("application/vnd.apple.mpegurl")) {
  const connect = () => { picture.src = address; picture.play().catch(() => {}); };
  picture.onplaying = () => { note.textContent = ""; };
  picture.onwaiting = () => { note.textContent = "waiting for the stream..."; };
  picture.onended = () => { note.textContent = "the stream has ended"; };
  picture.onerror = () => { note.textContent = "no stream; trying again..."; setTimeout(connect, 2000); };
  connect();
} else {
  note.textContent = "this browser does not play HLS by itself; a player does:";
}
</script>
</html>
"""


def page_of(stream: str) -> str:
    """Give the page of the stream of that name."""
    return PAGE.replace("STREAM", stream)
