"""order: the sequentially consistent accesses and fences of core/ are those that docs/memory-order.md lists.

The document's table has a line `| core/x.c | function | count | why |` for each function; an atomic call without
explicit order is sequentially consistent without saying so and always a breach.
"""
import os
import re

import lengths
import tree

DOCUMENT = "docs/memory-order.md"
STRONG = re.compile(r"\b(?:memory_order_seq_cst|__ATOMIC_SEQ_CST|atomic_(?:thread|signal)_fence|__sync_\w+)\b")
FENCE_ORDER = re.compile(r"(atomic_(?:thread|signal)_fence)\(memory_order_seq_cst\)")
SILENT = re.compile(r"\batomic_(?:load|store|exchange|fetch_\w+|compare_exchange_(?:weak|strong)|flag_\w+)\(")
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
ROW = re.compile(r"^\| `?(core/[\w/.]+)`? \| `?(\w+)`? \| (\d+) \|", re.MULTILINE)


def _blank(match):
    """A comment's lines without their text, so that numbers of lines stay."""
    return "\n" * match.group(0).count("\n")


def _function_name(lines, brace):
    """The function whose opening brace stands in line `brace`, from 1."""
    for number in range(brace - 1, 0, -1):
        line = lines[number - 1]
        if line[:1].isalpha() or line[:1] == "_":
            names = re.findall(r"(\w+)\(", line)
            return names[-1] if names else "?"
    return "?"


def _found(root):
    """{(path, function): count}, and breaches by silent forms."""
    found = {}
    breaches = []
    for path in tree.files(root, (".c", ".h")):
        if not path.startswith("core/"):
            continue
        with open(os.path.join(root, path), encoding="utf-8") as f:
            lines = COMMENT.sub(_blank, f.read()).splitlines()
        for number, line in enumerate(lines, 1):
            silent = SILENT.search(line)
            if silent is not None and not silent.group(0).endswith("_explicit("):
                breaches.append("%s:%d: %s) without an order is sequentially consistent" %
                                (path, number, silent.group(0)))
        owner = {}
        for start, body in lengths._functions(lines):
            name = _function_name(lines, start)
            owner.update((start + i, name) for i in range(len(body)))
        for number, line in enumerate(lines, 1):
            count = len(STRONG.findall(FENCE_ORDER.sub(r"\1()", line)))
            if count > 0:
                key = (path, owner.get(number, "-"))
                found[key] = found.get(key, 0) + count
    return found, breaches


def check(root, _context):
    found, breaches = _found(root)
    document = os.path.join(root, DOCUMENT)
    text = ""
    if os.path.exists(document):
        with open(document, encoding="utf-8") as f:
            text = f.read()
    listed = {(path, name): int(count) for path, name, count in ROW.findall(text)}
    for (path, name), count in sorted(found.items()):
        if listed.get((path, name), 0) != count:
            breaches.append("%s: %s has %d sequentially consistent accesses or fences, %s lists %d" %
                            (path, name, count, DOCUMENT, listed.get((path, name), 0)))
    for path, name in sorted(set(listed) - set(found)):
        breaches.append("%s: %s is listed in %s and has none" % (path, name, DOCUMENT))
    return breaches
