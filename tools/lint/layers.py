"""layers: every #include obeys tools/layers.conf (style.md, section 1)."""
import os
import re

import tree

INCLUDE = re.compile(r'^\s*#\s*include(_next)?\s*([<"])([^>"]+)[>"]')


class Rules:
    def __init__(self, text):
        self.core = []        # layer names, low to high
        self.core_not = {}    # layer -> layers it may not see
        self.header = {}      # exo/... header -> layer
        self.folder = {}      # folder -> list of allowed words
        self.freestanding = set()
        for line in text.splitlines():
            words = line.split("#")[0].split()
            if not words:
                continue
            if words[0] == "core":
                self.core.append(words[1])
                self.core_not[words[1]] = {w[1:] for w in words[2:] if w.startswith("!")}
            elif words[0] == "header":
                self.header[words[1]] = words[2]
            elif words[0] == "folder":
                self.folder[words[1]] = words[3:]
            elif words[0] == "freestanding":
                self.freestanding.update(words[1:])
            else:
                raise ValueError("layers.conf: unknown word " + words[0])

    def layer_of_exo(self, name):
        """The core layer that publishes "exo/..."."""
        if name in self.header:
            return self.header[name]
        part = name.split("/")[1]
        return part[:-2] if part.endswith(".h") else part

    def place(self, path):
        """("core", layer) or ("folder", prefix) or None for a file of the tree."""
        if path.startswith("core/include/exo/"):
            return ("core", self.layer_of_exo(path[len("core/include/"):]))
        if path.startswith("core/"):
            part = path.split("/")[1]
            return ("core", part[:-2] if part.endswith(".c") else part)
        best = ""
        for prefix in self.folder:
            if path.startswith(prefix + "/") and len(prefix) > len(best):
                best = prefix
        return ("folder", best) if best else None


def _exo_allowed(rules, place, name):
    layer = rules.layer_of_exo(name)
    if layer not in rules.core:
        return "core layer %s stands in no line of layers.conf" % layer
    kind, own = place
    if kind == "core":
        if own not in rules.core:
            return "core folder %s stands in no line of layers.conf" % own
        if rules.core.index(layer) > rules.core.index(own):
            return "%s is above %s" % (layer, own)
        if layer in rules.core_not[own]:
            return "%s may not see %s" % (own, layer)
        return None
    words = rules.folder[own]
    if "core" in words or layer in words:
        return None
    return "%s may not see core/%s" % (own, layer)


def _path_allowed(rules, place, source, target):
    """May `source` include `target`, a private header given by its path from the top?"""
    there = rules.place(target)
    if there is None:
        return "%s belongs to no line of layers.conf" % target
    if there == place:
        return None
    if there[0] == "core":
        return "a core folder's private header"
    if place[0] == "core" or there[1] not in rules.folder[place[1]]:
        return "%s may not see %s" % (place[1], there[1])
    return None


def _quoted(root, rules, place, source, name):
    """Judge #include "name"; None or the reason why not."""
    if name.startswith("exo/"):
        return _exo_allowed(rules, place, name)
    if os.path.exists(os.path.join(root, "lib/include", name)):
        return _path_allowed(rules, place, source, "lib/include/" + name)
    if os.path.exists(os.path.join(root, os.path.dirname(source), name)) and ".." not in name:
        return None
    if "/" in name:
        if os.path.exists(os.path.join(root, name)):
            return _path_allowed(rules, place, source, name)
        return "no such file from the top of the tree"
    if name == "hal_inline.h":
        return None
    if source.startswith(("tests/", "bench/")):
        if os.path.exists(os.path.join(root, "tests/include", name)):
            return None
        mirrored = "core/" + os.path.dirname(source)[len("tests/core/"):]
        if source.startswith("tests/core/") and os.path.exists(os.path.join(root, mirrored, name)):
            return None
    return "bare name of another folder"


def _angled(rules, place, source, name):
    if name in rules.freestanding:
        return None
    if name == "check.h" and source.startswith(("tests/", "bench/")):
        return None
    if place[0] == "folder" and "host" in rules.folder[place[1]]:
        return None
    return "not a freestanding header"


def check(root, _context):
    """Return the breaches, one line of text each."""
    conf = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "layers.conf")
    with open(conf, encoding="utf-8") as f:
        rules = Rules(f.read())
    breaches = []
    for path in tree.files(root, (".c", ".h", ".S")):
        place = rules.place(path)
        if place is None:
            breaches.append("%s: its folder stands in no line of layers.conf" % path)
            continue
        with open(os.path.join(root, path), encoding="utf-8") as f:
            for number, line in enumerate(f, 1):
                match = INCLUDE.match(line)
                if match is None:
                    continue
                name = match.group(3)
                why = (_quoted(root, rules, place, path, name) if match.group(2) == '"'
                       else _angled(rules, place, path, name))
                if why is not None:
                    breaches.append("%s:%d: includes %s: %s" % (path, number, name, why))
    return breaches
