"""Words and pictures laid over, subtitles, picture files: what is seen, when, and what is in the files."""

import subprocess

import av
import numpy as np
import pytest
from films import ffmpeg, film, grey, keeps_promises, played, said, shade

from kamesh import ComponentFailed, Graphline, Pipeline, Shutdown
from kamesh.components.media import (
    ImageReader,
    ImageSource,
    ImageWriter,
    MediaError,
    Overlay,
    Subtitle,
    SubtitleReader,
    SubtitleText,
    image_files,
)
from kamesh.components.media.engine.drawing import draw_words
from kamesh.components.media.engine.stills import read_still, still_bytes, write_still
from kamesh.components.sources import DataSource
from kamesh.testing import Collector, run


def overlaid(overlay, frames, subtitles=()):
    """Send pictures, and subtitles, through an overlay; give the pictures."""
    kept = Collector()
    Graphline(
        FRAMES=DataSource(frames), WORDS=DataSource(subtitles), OVER=overlay, KEPT=kept,
        linkages={
            ("FRAMES", "outbox"): ("OVER", "inbox"), ("WORDS", "outbox"): ("OVER", "subtitles"),
            ("OVER", "outbox"): ("KEPT", "inbox"),
        },
    ).run()  # fmt: skip
    return kept.messages


def written_on(frame):
    """Say whether something is written on a grey picture."""
    return float(frame.to_ndarray(format="gray").std()) > 3


# words


@pytest.mark.parametrize("form", ["yuv420p", "rgb24", "gray", "yuv444p10le"])
def test_words_are_laid_over_pictures_of_any_format(form):
    """The format, the size, the time stay; above and below the words nothing changes."""
    frames = [grey(n, 100, form=form) for n in range(3)]
    out = overlaid(Overlay("HI", position="bottom", size=10), frames)
    assert [said(f) for f in out] == [said(f) for f in frames]
    assert all(written_on(f) for f in out)
    assert all(abs(shade(f, x, y) - 100) <= 2 for f in out for x, y in ((0, 0), (63, 0), (32, 10)))
    assert out[0].to_ndarray(format="gray")[30:].max() > 200  # white letters
    assert out[0].to_ndarray(format="gray")[30:].min() < 60  # on a dark box
    assert not any(written_on(f) for f in frames)


def test_subtitles_are_seen_from_the_very_picture_at_whose_time_they_begin():
    """And no longer than to the one at whose time they end, however fast either comes."""
    frames = [grey(n, 100) for n in range(25)]
    titles = [Subtitle("A", 5 / 25, 8 / 25), Subtitle("B", 20 / 25, 1)]
    out = overlaid(Overlay(size=10), frames, titles)
    assert [n for n, f in enumerate(out) if written_on(f)] == [5, 6, 7, 20, 21, 22, 23, 24]


def test_what_is_written_is_changed_while_pictures_pass():
    """By text, and taken away by an empty one."""
    overlay = Overlay(size=10)
    seen = []
    with overlay.background() as running:
        for number, text in enumerate((None, "HELLO", "", "AGAIN")):
            if text is not None:
                running.put(text, "text")
                while not overlay._strand.inboxes["text"].queue:
                    pass
            running.put(grey(number, 100), "inbox")
            seen.append(written_on(running.get(timeout=5)))
        running.put(Shutdown(), "control")
    assert seen == [False, True, False, True]


def test_a_picture_is_laid_over_with_its_own_opacity(tmp_path):
    """Half of it is clear; the position counts from the right and from below."""
    logo = np.zeros((10, 10, 4), np.uint8)
    logo[:, :5] = (255, 255, 255, 255)
    write_still(av.VideoFrame.from_ndarray(logo, "rgba"), tmp_path / "logo.png")
    overlay = Overlay(picture=tmp_path / "logo.png", picture_position=(-1, -1))
    (out,) = overlaid(overlay, [grey(0, 100)])
    assert shade(out, 55, 40) > 240
    assert shade(out, 61, 40) == pytest.approx(100, abs=2)
    assert shade(out, 50, 40) == pytest.approx(100, abs=2)
    half = Overlay(picture=tmp_path / "logo.png", picture_position=(0, 0), opacity=0.5)
    (out,) = overlaid(half, [grey(0, 100)])
    assert shade(out, 2, 2) == pytest.approx(177, abs=6)


def test_letters_are_drawn_as_they_are_and_accents_are_left_out():
    """A line for each line, each in the middle; what has no letter leaves a gap."""
    assert (draw_words("É", 20) == draw_words("E", 20)).all()
    two = draw_words("WIDE LINE\nI", 20)
    assert two.shape[0] > 1.8 * draw_words("I", 20).shape[0] - 20
    ink = two[two.shape[0] // 2 :, :, :3].max(axis=(0, 2)) > 100
    columns = np.flatnonzero(ink)
    assert abs(columns.mean() - two.shape[1] / 2) < 4


def test_a_change_of_size_in_mid_stream_is_followed_by_the_words():
    """They are drawn anew for the new size."""
    frames = [grey(0, 100), grey(1, 100, size=(128, 96)), grey(2, 100)]
    out = overlaid(Overlay("HI"), frames)
    assert [said(f) for f in out] == [said(f) for f in frames]
    assert all(written_on(f) for f in out)


@pytest.mark.parametrize(
    ("words", "why"),
    [({"box": 2}, "from 0 to 1"), ({"size": -1}, "cannot be -1"), ({"colour": "mauve"}, "no colour"),
     ({"colour": "#12345g"}, "no colour")],
)  # fmt: skip
def test_an_overlay_that_cannot_be_is_refused_at_once(words, why):
    """In words."""
    with pytest.raises(ValueError, match=why):
        Overlay(**words)


def test_an_overlay_ends_and_waits_as_every_component():
    """With the pictures, when told to, and behind a reader that does not read."""
    frames = [grey(n) for n in range(3)]
    sent = keeps_promises(lambda: Overlay("X", size=8), frames)
    assert sent == [said(frame) for frame in frames]


# subtitles


@pytest.mark.parametrize("suffix", ["srt", "ass", "vtt"])
def test_subtitles_are_read_from_every_form_that_ffmpeg_writes(tmp_path, suffix):
    """The words, and the times to a hundredth of a second."""
    (tmp_path / "in.srt").write_text(
        "1\n00:00:01,000 --> 00:00:02,500\n<i>Good</i> evening,\nand welcome\n\n"
        "2\n00:01:03,000 --> 00:01:04,120\nThe news\n\n"
    )
    ffmpeg("-i", tmp_path / "in.srt", tmp_path / f"out.{suffix}")
    (read,) = played(SubtitleReader(tmp_path / f"out.{suffix}"), boxes=("outbox",))
    assert [s.text for s in read] == ["Good evening,\nand welcome", "The news"]
    times = [(s.start, s.end) for s in read]
    assert times == [pytest.approx((1, 2.5), abs=0.01), pytest.approx((63, 64.12), abs=0.01)]


@pytest.mark.parametrize(("form", "suffix"), [("srt", "srt"), ("webvtt", "vtt")])
def test_captions_are_read_again_as_they_were(tmp_path, form, suffix):
    """By our reader, and by the program ffmpeg."""
    titles = [Subtitle("One & <two>", 0.5, 1.25), Subtitle("a\nb", 3661, 3662)]
    sent = run(SubtitleText(form), titles)["outbox"]
    path = tmp_path / f"film.{suffix}"
    path.write_bytes(b"".join(sent))
    (read,) = played(SubtitleReader(path), boxes=("outbox",))
    assert read[1] == titles[1]
    assert (read[0].start, read[0].end) == (0.5, 1.25)
    ffmpeg("-i", path, tmp_path / "again.srt")
    assert "00:00:00,500 --> 00:00:01,250\n" in (tmp_path / "again.srt").read_text()


def test_subtitles_at_their_own_pace_stop_when_told(tmp_path):
    """The first is due at once, the second in an hour."""
    titles = [Subtitle("now", 0, 1), Subtitle("later", 3600, 3601)]
    (tmp_path / "a.srt").write_bytes(b"".join(run(SubtitleText(), titles)["outbox"]))
    with SubtitleReader(tmp_path / "a.srt", realtime=True).background() as reader:
        assert reader.get(timeout=5).text == "now"
        reader.put(Shutdown(), "control")


def test_a_file_without_subtitles_is_refused_in_a_sentence(tmp_path):
    """Missing, and without them."""
    path = film(tmp_path / "film.mkv", "-c:v", "ffv1", "-an")
    with pytest.raises(ComponentFailed, match="has nothing of what was chosen: it has 1 video"):
        SubtitleReader(path).run()
    with pytest.raises(ComponentFailed, match="there is no file"):
        SubtitleReader(tmp_path / "none.srt").run()


def test_subtitle_text_ends_and_waits_as_every_component():
    """And refuses what is no subtitle."""
    assert len(keeps_promises(SubtitleText, [Subtitle("a", 0, 1), Subtitle("", 1, 1)])) == 1
    with pytest.raises(ComponentFailed, match="SubtitleText takes Subtitles, not str"):
        run(SubtitleText(), ["words"])
    with pytest.raises(ValueError, match="srt or webvtt"):
        SubtitleText("docx")


# picture files


@pytest.mark.parametrize(("suffix", "near"), [("png", 0), ("jpg", 3), ("webp", 4)])
def test_pictures_are_written_and_read_again(tmp_path, suffix, near):
    """A sequence, each under its number, with its shade; ffprobe says what kind of file it is."""
    frames = [grey(n, 20 * n + 10) for n in range(10)]
    names = played(DataSource(frames), ImageWriter(tmp_path / f"shot%03d.{suffix}"), boxes=("outbox",))[0]
    assert names == [str(tmp_path / f"shot{n:03}.{suffix}") for n in range(10)]
    assert list(image_files(tmp_path / f"shot%03d.{suffix}")) == names
    (read,) = played(DataSource(names), ImageReader(rate=10), boxes=("outbox",))
    assert [abs(shade(f) - (20 * n + 10)) <= near for n, f in enumerate(read)] == [True] * 10
    assert [float(f.pts * f.time_base) for f in read] == [n / 10 for n in range(10)]
    ffmpeg("-version")
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width", "-of", "csv=p=0", names[0]],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert told.stdout.split() == [{"png": "png,64", "jpg": "mjpeg,64", "webp": "webp,64"}[suffix]]


def test_opacity_is_kept_in_files_that_have_it(tmp_path):
    """PNG to the digit."""
    pixels = np.arange(8 * 8 * 4, dtype=np.uint8).reshape(8, 8, 4)
    write_still(av.VideoFrame.from_ndarray(pixels, "rgba"), tmp_path / "a.png")
    assert (read_still(tmp_path / "a.png").to_ndarray(format="rgba") == pixels).all()


def test_a_name_without_a_number_holds_the_latest_picture(tmp_path):
    """Whole at any time: nothing is left of what was being written."""
    Pipeline(DataSource([grey(n, 50 * n) for n in range(5)]), ImageWriter(tmp_path / "now.png")).run()
    assert [path.name for path in tmp_path.iterdir()] == ["now.png"]
    assert shade(read_still(tmp_path / "now.png")) == 200


def test_a_file_that_is_no_picture_costs_itself(tmp_path, caplog):
    """One sentence each, counted, and the rest goes on without a gap in the times."""
    write_still(grey(0), tmp_path / "good%d.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "cut.png").write_bytes(still_bytes(grey(0), ".png")[:20])
    reader = ImageReader()
    names = [tmp_path / name for name in ("good%d.png", "bad.png", "none.png", "cut.png", "good%d.png")]
    (read,) = played(DataSource(names), reader, boxes=("outbox",))
    assert [f.pts for f in read] == [0, 1]
    assert reader.details() == {"frames": 2, "failed": 3}
    assert "bad.png is no picture that can be read" in caplog.text
    assert "there is no file" in caplog.text


def test_a_place_that_cannot_be_written_to_fails_in_a_sentence(tmp_path):
    """There is no such folder."""
    with pytest.raises(ComponentFailed, match=r"none/a\.png cannot be written: there is no such"):
        Pipeline(DataSource([grey(0)]), ImageWriter(tmp_path / "none" / "a.png")).run()


def test_a_still_is_shown_for_its_time(tmp_path):
    """So many pictures, each with its time; for ever until told."""
    write_still(grey(0, 77), tmp_path / "still.png")
    (shown,) = played(
        ImageSource(tmp_path / "still.png", rate=10, seconds=2, realtime=False), boxes=("outbox",)
    )
    assert [float(f.pts * f.time_base) for f in shown] == [n / 10 for n in range(20)]
    assert {shade(f) for f in shown} == {77}
    with ImageSource(tmp_path / "still.png").background() as endless:
        endless.get(timeout=5)
        endless.put(Shutdown(), "control")
    with pytest.raises(ComponentFailed, match="there is no file"):
        ImageSource(tmp_path / "none.png").run()


@pytest.mark.parametrize(
    ("make", "why"),
    [(lambda: ImageWriter("a.bmp"), "end in .png"), (lambda: ImageWriter("a.png", quality=0), "1 to 100"),
     (lambda: ImageSource("a.png", seconds=0), "more than 0"), (lambda: ImageReader("often"), "frame rate")],
)  # fmt: skip
def test_a_mistake_with_pictures_is_refused_at_once(make, why):
    """When the component is made."""
    with pytest.raises(ValueError, match=why):
        make()


def test_picture_readers_and_writers_end_and_wait_as_every_component(tmp_path):
    """With the stream, when told to, and behind a reader that does not read."""
    write_still(grey(0), tmp_path / "a.png")
    names = [str(tmp_path / "a.png")] * 3
    assert len(keeps_promises(ImageReader, names)) == 3
    sent = keeps_promises(lambda: ImageWriter(tmp_path / "b%d.png"), [grey(0), grey(1)])
    assert sent == [str(tmp_path / "b0.png"), str(tmp_path / "b1.png")]
    with pytest.raises(MediaError):
        read_still(tmp_path / "none.png")
