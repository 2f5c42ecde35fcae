"""syscalls: docs/syscalls has a page for each native call of exo/abi/syscall_list.h, and the index of them."""
import os
import re

LIST = "core/include/exo/abi/syscall_list.h"
STATUSES = "core/include/exo/abi/status_list.h"
FOLDER = "docs/syscalls"
INDEX = FOLDER + "/README.md"
HEAD = """# Native system calls

How a call is made stands in `core/include/exo/abi/syscall.h`: number in rax with bit 30 set, arguments in rdi, rsi, rdx, r10, r8, r9;
the result is 0 or more, or a negative status. A number that is not in this table gives EXO_ERR_NOT_SUPPORTED. Programs
use the functions of `lib/include/exo_std`. A fast call neither blocks nor locks nor touches memory: booted, it is answered at the
processor's door, before the program has been left for good, and any program may make it, not native ones alone.

Written by `tools/syscall-index` from `core/include/exo/abi/syscall_list.h`; `make lint` compares.

| number | call | path | what it does |
| --- | --- | --- | --- |
"""


def _read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def calls(root):
    """[(number, name, path, text)], as listed."""
    rows = re.findall(r'^X\((\w+), (\d+), (FAST|SLOW), "([^"]+)"\)$', _read(root, LIST), re.MULTILINE)
    return [(int(number), name, path.lower(), text) for name, number, path, text in rows]


def index(root):
    rows = sorted(calls(root))
    return HEAD + "".join("| %d | [%s](%s.md) | %s | %s |\n" % (number, name, name, path, text)
                          for number, name, path, text in rows)


def _page(root, number, name, text, statuses):
    path = "%s/%s.md" % (FOLDER, name)
    if not os.path.exists(os.path.join(root, path)):
        return ["%s: no such page for call %d" % (path, number)]
    page = _read(root, path)
    breaches = []
    for wanted in ("# %s: %s\n" % (name, text), "Number %d." % number):
        if wanted not in page:
            breaches.append("%s: does not say '%s'" % (path, wanted.strip()))
    for status in sorted(set(re.findall(r"EXO_ERR_(\w+)", page)) - statuses):
        breaches.append("%s: there is no EXO_ERR_%s" % (path, status))
    return breaches


def check(root, _context):
    """Return the breaches, one line of text each."""
    if not os.path.exists(os.path.join(root, LIST)):
        return []
    rows = calls(root)
    statuses = set(re.findall(r"^X\((\w+),", _read(root, STATUSES), re.MULTILINE))
    breaches = []
    if len(rows) != _read(root, LIST).count("\nX("):
        breaches.append("%s: a line that is not X(name, number, PATH, \"text\")" % LIST)
    if len({number for number, _, _, _ in rows}) != len(rows):
        breaches.append("%s: a number is given twice" % LIST)
    for number, name, _, text in rows:
        breaches += _page(root, number, name, text, statuses)
    names = {name + ".md" for _, name, _, _ in rows} | {"README.md"}
    for file in sorted(set(os.listdir(os.path.join(root, FOLDER))) - names):
        breaches.append("%s/%s: no call has that name" % (FOLDER, file))
    if not os.path.exists(os.path.join(root, INDEX)) or _read(root, INDEX) != index(root):
        breaches.append("%s: not what the list makes; run tools/syscall-index" % INDEX)
    return breaches
