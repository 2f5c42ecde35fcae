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
use the functions of `lib/include/exo_std`.

Written by `tools/syscall-index` from `core/include/exo/abi/syscall_list.h`; `make lint` compares.

| number | call | what it does |
| --- | --- | --- |
"""


def _read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def calls(root):
    """[(number, name, text)], as listed."""
    rows = re.findall(r'^X\((\w+), (\d+), "([^"]+)"\)$', _read(root, LIST), re.MULTILINE)
    return [(int(number), name, text) for name, number, text in rows]


def index(root):
    rows = sorted(calls(root))
    return HEAD + "".join("| %d | [%s](%s.md) | %s |\n" % (number, name, name, text) for number, name, text in rows)


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
        breaches.append("%s: a line that is not X(name, number, \"text\")" % LIST)
    if len({number for number, _, _ in rows}) != len(rows):
        breaches.append("%s: a number is given twice" % LIST)
    for number, name, text in rows:
        breaches += _page(root, number, name, text, statuses)
    names = {name + ".md" for _, name, _ in rows} | {"README.md"}
    for file in sorted(set(os.listdir(os.path.join(root, FOLDER))) - names):
        breaches.append("%s/%s: no call has that name" % (FOLDER, file))
    if not os.path.exists(os.path.join(root, INDEX)) or _read(root, INDEX) != index(root):
        breaches.append("%s: not what the list makes; run tools/syscall-index" % INDEX)
    return breaches
