"""perfetto - read the part of Perfetto's trace format that the kernel writes (docs/tracing.md)."""

BEGIN, END, INSTANT = 1, 2, 3


class Malformed(Exception):
    """The bytes are no trace."""


def varint(data, at):
    """(value, next position) of the variable-length number at `at`."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Malformed(f"a number is cut off at byte {at}")
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    """Every (field, value) of a message; values are numbers or bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = int.from_bytes(data[at:at + 8], "little"), at + 8
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise Malformed(f"wire type {kind} at byte {at}")
        if at > len(data):
            raise Malformed("a field is cut off")
        yield tag >> 3, value


class Event:
    """One TrackEvent."""

    def __init__(self, time_ns, data, names):
        self.time_ns = time_ns
        self.type = self.track = 0
        self.name = ""
        self.notes = {}
        self.flows = []
        self.flow_ends = []
        for field, value in fields(data):
            if field == 9:
                self.type = value
            elif field == 11:
                self.track = value
            elif field == 10:
                if value not in names:
                    raise Malformed(f"event name {value} was never introduced")
                self.name = names[value]
            elif field == 23:
                self.name = value.decode()
            elif field == 47:
                self.flows.append(value)
            elif field == 48:
                self.flow_ends.append(value)
            elif field == 4:
                self.note(value)

    def note(self, data):
        name = value = None
        for field, content in fields(data):
            if field == 10:
                name = content.decode()
            else:
                value = content.decode() if field == 6 else content
        self.notes[name] = value


class Trace:
    """A whole trace: .tracks {uuid: (name, parent uuid)} and .events in the order of the file."""

    def __init__(self, data):
        self.tracks = {}
        self.events = []
        self.names = {}
        for field, packet in fields(data):
            if field != 1:
                raise Malformed(f"field {field} outside a packet")
            self.packet(packet)

    def packet(self, data):
        time_ns = 0
        event = None
        for field, value in fields(data):
            if field == 8:
                time_ns = value
            elif field == 11:
                event = value
            elif field == 12:
                self.intern(value)
            elif field == 60:
                self.track(value)
        if event is not None:
            found = Event(time_ns, event, self.names)
            if found.track not in self.tracks:
                raise Malformed(f"track {found.track} was never introduced")
            self.events.append(found)

    def intern(self, data):
        for field, entry in fields(data):
            if field == 2:
                parts = dict(fields(entry))
                self.names[parts[1]] = parts[2].decode()

    def track(self, data):
        parts = dict(fields(data))
        self.tracks[parts[1]] = (parts[2].decode(), parts.get(5, 0))

    def track_name(self, event):
        return self.tracks[event.track][0]

    def slices(self):
        """Every (event that begins it, end in ns, depth), in the order in which they end."""
        open_slices = {}
        for event in self.events:
            stack = open_slices.setdefault(event.track, [])
            if event.type == BEGIN:
                stack.append(event)
            elif event.type == END:
                if not stack:
                    raise Malformed(f"an end without a beginning on {self.track_name(event)}")
                yield stack.pop(), event.time_ns, len(stack)
        left = [track for track, stack in open_slices.items() if stack]
        if left:
            raise Malformed(f"slices left open on {len(left)} tracks")
