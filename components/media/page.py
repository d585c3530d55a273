"""The page that plays a live stream in a browser, whole in one string.

Laws: it needs nothing from anywhere but the server it came from; it finds that server by its own
address; it says so when there is no stream, and tries again.
"""

from __future__ import annotations

__all__ = ["PAGE"]

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Live</title>
<style>
  :root { color-scheme: dark; --ink: #e8e8ea; --faint: #8b8b93; --line: #2a2a30; --live: #ff4d4d; }
  * { box-sizing: border-box; margin: 0; }
  body { background: #101013; color: var(--ink); font: 15px/1.5 system-ui, sans-serif;
         min-height: 100vh; display: grid; place-items: center; padding: 24px; }
  main { width: min(1120px, 100%); display: grid; gap: 18px; }
  video { width: 100%; aspect-ratio: 16 / 9; background: #000; display: block;
          border-radius: 10px; }
  header, dl { display: flex; flex-wrap: wrap; gap: 8px 28px; align-items: baseline; }
  h1 { font-size: 17px; font-weight: 600; letter-spacing: .02em; }
  h1::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 50%;
               background: var(--faint); margin-right: 10px; }
  body.live h1::before { background: var(--live); animation: beat 2s infinite; }
  @keyframes beat { 50% { opacity: .35; } }
  #note { color: var(--faint); }
  dl div { display: flex; gap: 8px; }
  dt { color: var(--faint); } dd { font-variant-numeric: tabular-nums; }
  code { font: 13px/1.5 ui-monospace, monospace; background: #1a1a1f; border: 1px solid var(--line);
         border-radius: 6px; padding: 2px 8px; user-select: all; overflow-wrap: anywhere; }
  button { font: inherit; color: inherit; background: #1a1a1f; border: 1px solid var(--line);
           border-radius: 6px; padding: 2px 12px; cursor: pointer; margin-left: auto; }
</style>
<body>
<main>
  <header>
    <h1>Live</h1><span id="note">connecting...</span><button id="sound">Sound on</button>
  </header>
  <video id="picture" autoplay muted playsinline></video>
  <dl>
    <div><dt>viewers</dt><dd id="viewers">-</dd></div>
    <div><dt>stream</dt><dd id="rate">-</dd></div>
    <div><dt>behind</dt><dd id="behind">-</dd></div>
    <div><dt>skipped by slow viewers</dt><dd id="skipped">-</dd></div>
  </dl>
  <p>In a player: <code id="player"></code></p>
</main>
<script>
"use strict";
const by = id => document.getElementById(id);
const picture = by("picture"), note = by("note");
const here = location.href.replace(/[?#].*$/, "").replace(/[^/]*$/, "");
by("player").textContent = "ffplay " + here + "stream.ts";

by("sound").onclick = () => {
  picture.muted = !picture.muted;
  by("sound").textContent = picture.muted ? "Sound on" : "Sound off";
};

let tries = 0;
function connect() {
  document.body.classList.remove("live");
  picture.src = here + "stream.mp4?" + ++tries;  // a new address: nothing comes from a cache
  picture.play().catch(() => {});
}
picture.onplaying = () => { note.textContent = ""; document.body.classList.add("live"); };
picture.onwaiting = () => { note.textContent = "waiting for the stream..."; };
for (const event of ["error", "ended"]) {
  picture.addEventListener(event, () => {
    document.body.classList.remove("live");
    note.textContent = event === "ended" ? "the stream has ended" : "no stream; trying again...";
    setTimeout(connect, 2000);
  });
}

let before = null;
async function figures() {
  try {
    const now = await (await fetch(here + "statistics.json", {cache: "no-store"})).json();
    const bytes = now.streams["stream.ts"].bytes_in, at = performance.now();
    by("viewers").textContent = now.viewers;
    by("skipped").textContent = now.skipped;
    if (before) {
      const rate = (bytes - before[0]) * 8 / (at - before[1]) / 1000;
      by("rate").textContent = rate.toFixed(2) + " Mbit/s";
    }
    before = [bytes, at];
  } catch { by("viewers").textContent = "-"; }
  const b = picture.buffered;
  const behind = b.length ? b.end(b.length - 1) - picture.currentTime : 0;
  by("behind").textContent = b.length ? behind.toFixed(1) + " s" : "-";
  picture.playbackRate = behind > 4 ? 1.1 : 1;  // after a stall, catch up unnoticed
}
setInterval(figures, 1000);
connect();
</script>
</body>
</html>
"""
