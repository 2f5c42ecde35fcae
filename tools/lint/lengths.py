"""lengths: functions of at most 70 lines (less a flat switch), files of 800, lines of 100 columns."""
import os
import re

import tree

FUNCTION_MAX = 70
FILE_MAX = 800
HEADER_SOFT = 200
COLUMNS_MAX = 100
FLAT_DEPTH = 12  # columns that a flat switch's lines may be indented beyond its own


def _flat_switch_lines(body):
    """Lines of the longest flat switch in a function's body."""
    longest = 0
    for start, line in enumerate(body):
        match = re.match(r"( +)switch \(", line)
        if match is None:
            continue
        indent = len(match.group(1))
        for end in range(start + 1, len(body)):
            text = body[end]
            depth = len(text) - len(text.lstrip())
            if text.rstrip() == " " * indent + "}":
                longest = max(longest, end - start)
                break
            if text.strip() and depth > indent + FLAT_DEPTH:
                break
    return longest


def _functions(lines):
    """(first line number, body lines) of each function: its braces stand in column 1."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            yield start, lines[start - 1:number]
            start = None


def check(root, _context):
    breaches = []
    for path in tree.files(root, (".c", ".h", ".S", ".asm")):
        with open(os.path.join(root, path), encoding="utf-8") as f:
            lines = f.read().splitlines()
        if len(lines) > FILE_MAX:
            breaches.append("%s: %d lines, at most %d" % (path, len(lines), FILE_MAX))
        if path.endswith(".h") and len(lines) > HEADER_SOFT:
            print("# note: %s has %d lines, a header should have under %d" %
                  (path, len(lines), HEADER_SOFT))
        for number, line in enumerate(lines, 1):
            if len(line) > COLUMNS_MAX:
                breaches.append("%s:%d: %d columns, at most %d" %
                                (path, number, len(line), COLUMNS_MAX))
        if not path.endswith((".c", ".h")):
            continue
        for number, body in _functions(lines):
            length = len(body) - _flat_switch_lines(body)
            if length > FUNCTION_MAX:
                breaches.append("%s:%d: function of %d lines, at most %d" %
                                (path, number, length, FUNCTION_MAX))
    return breaches
