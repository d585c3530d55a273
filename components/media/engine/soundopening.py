"""Sound devices: which there are, what they can do, and streams to and from them. By `sounddevice`.

Law: whatever PortAudio has to say becomes one sentence that names the device, or those there are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kamesh.components.extras import needing
from kamesh.components.media.trouble import MediaError

__all__ = ["SoundDevices"]

PURPOSES = {"output": "to play on", "input": "to record from"}


class SoundDevices:
    """The sound devices of this machine; MediaError is what is raised of them.

    Example: `SoundDevices("SoundOutput").find("usb", "output")` is the number of a device that can
    play and has "usb" in its name.
    """

    def __init__(self, who: str) -> None:
        """Load PortAudio on behalf of the component `who`."""
        with needing(who):
            try:
                import sounddevice  # only the node with the device pays for it
            except OSError:
                raise MediaError(
                    f"{who} needs the library PortAudio, which is not installed: Debian's package is "
                    "libportaudio2"
                ) from None
        self._port: Any = sounddevice

    def names(self, purpose: str) -> dict[int, str]:
        """Give the numbers and names of those that can play ("output") or record ("input")."""
        return {
            number: str(device["name"])
            for number, device in enumerate(self._port.query_devices())
            if device[f"max_{purpose}_channels"] > 0
        }

    def find(self, wanted: str | int | None, purpose: str) -> int:
        """Give the number of a device: by number, by name, by a part of it, or the system's own."""
        names = self.names(purpose)
        if isinstance(wanted, int) and wanted in names:
            return wanted
        if wanted is None:
            number = int(self._port.default.device[purpose == "output"])
            if number in names:
                return number
        if isinstance(wanted, str):
            for fits in (str.__eq__, str.__contains__):
                for number, name in names.items():
                    if fits(name.casefold(), wanted.casefold()):
                        return number
        listed = ", ".join(f"{name!r} ({number})" for number, name in names.items())
        which = "" if wanted is None else f" {wanted!r}"
        raise MediaError(
            f"there is no sound device{which} {PURPOSES[purpose]}: "
            + (f"there are {listed}" if listed else "this machine has none")
        )

    def form(self, device: int, purpose: str, rate: int, channels: int) -> tuple[int, int]:
        """Give a rate and a number of channels that the device can do: these, or its own."""
        known = self._port.query_devices(device)
        channels = min(channels, int(known[f"max_{purpose}_channels"]))
        check = getattr(self._port, f"check_{purpose}_settings")
        own = round(known["default_samplerate"])
        for each_rate, each_channels in ((rate, channels), (own, channels), (rate, 2), (own, 2)):
            try:
                check(device=device, samplerate=each_rate, channels=each_channels, dtype="float32")
            except (self._port.PortAudioError, ValueError):
                continue
            return each_rate, each_channels
        return own, channels  # to open it says why not

    def open_output(self, device: int, rate: int, channels: int, latency: float) -> Any:
        """Open a device to play on, and start it; it takes arrays of float32."""
        stream = self._port.OutputStream(
            samplerate=rate, device=device, channels=channels, dtype="float32", latency=latency
        )
        stream.start()
        return stream

    def open_input(self, device: int, rate: int, channels: int) -> Any:
        """Open a device to record from, and start it; it gives arrays of int16."""
        stream = self._port.InputStream(
            samplerate=rate, device=device, channels=channels, dtype="int16"
        )
        stream.start()
        return stream

    @contextmanager
    def trouble(self, device: int) -> Iterator[None]:
        """Put into a sentence what PortAudio raises within this."""
        try:
            yield
        except self._port.PortAudioError as error:
            said = str(error.args[0] if error.args else error).strip().rstrip(".")
            name = str(self._port.query_devices(device)["name"])
            raise MediaError(f"the sound device {name!r} cannot be used: {said}") from error
