"""armour - files that a kernel sent as lines of text (core/include/exo/debug/armour.h)."""
import base64
import re

LINE = re.compile(rb"exo-file (\S+) (begin|[A-Za-z0-9+/]+={0,2})\r?$", re.MULTILINE)


def extract(log, name):
    """The bytes of file `name` in the text `log`, None if it is not there. The last of several counts."""
    found = None
    for match in LINE.finditer(log):
        if match.group(1) != name.encode():
            continue
        if match.group(2) == b"begin":
            found = bytearray()
        elif found is not None:
            found += base64.b64decode(match.group(2), validate=True)
    return None if found is None else bytes(found)
