"""A mixer desk: two DJs and music, mixed for the hall and for the radio, and switched while it plays."""

from kamesh import Component, Graphline
from kamesh.components.media import DeviceSource, Level, Mix

TOLD = {  # at which second what is asked of the desk
    1: ["SWITCH hall dj1 ONLY", "QUERY hall music"],
    2: ["SWITCH hall music ON", "GAIN radio music 0.25"],
    3: ["SWITCH radio dj1 OFF", "SWITCH cellar dj1 ON"],
}


class Operator(Component):
    """Asks for something else each second, and prints the replies and how loud it is by then."""

    inboxes = {"hall": "levels", "radio": "levels", "replies": "text"}
    outboxes = {"outbox": "what to ask of the desk"}

    def main(self):
        loud = {}
        while not self.stopping():
            for reply in self.replies:
                print("   ", reply)
            for level in self.hall:
                self.send_all(TOLD.get(level.time, ()))
                loud["hall", level.time] = level.rms
            for level in self.radio:
                loud["radio", level.time] = level.rms
            for second in (0.75, 1.75, 2.75, 3.75):
                if ("hall", second) in loud and ("radio", second) in loud:
                    hall, radio = loud.pop(("hall", second)), loud.pop(("radio", second))
                    print(f"{second} s: hall {hall:.3f}, radio {radio:.3f}")
            yield self.pause()


def tone(hertz):
    """Make a source of four seconds of a tone."""
    return DeviceSource(f"sine=frequency={hertz}:sample_rate=48000:duration=4", "lavfi")


sources = {"dj1": tone(300), "dj2": tone(400), "music": tone(500)}
places = {"hall": Level(0.25), "radio": Level(0.25)}
desk = Graphline(**sources, **places, MIX=Mix([*sources], [*places]), OPERATOR=Operator())
for name in sources:
    desk.link((name, "audio"), ("MIX", name))
for name in places:
    desk.link(("MIX", name), (name, "inbox"))
    desk.link((name, "levels"), ("OPERATOR", name))
desk.link(("OPERATOR", "outbox"), ("MIX", "gains"))
desk.link(("MIX", "replies"), ("OPERATOR", "replies"))
desk.run()
