#!/usr/bin/env python3
"""Rewrap comment lines of over 100 columns in C files, keeping lists and paragraphs. usage: reflow.py FILE..."""
import re, sys
MAX = 100
def flow(lines):
    out = []; i = 0; lines = list(lines); inblock = False
    while i < len(lines):
        line = lines[i]
        whole = re.match(r'^(\s*)/\*( ?)(.*)$', line)
        cont = re.match(r'^(\s*) \*( *)(.*)$', line) if inblock else None
        opens = whole is not None
        if len(line) > MAX and (opens or cont):
            if opens:
                prefix = whole.group(1) + ' * '
            else:
                prefix = cont.group(1) + ' *' + cont.group(2)
                m = re.match(r'^(\(\d+\) |- |\d+\. )', cont.group(3))
                if m: prefix += ' ' * len(m.group(1))
            closes = line.rstrip().endswith('*/')
            body = line.rstrip()
            cut = body.rfind(' ', 0, MAX + 1)
            head, tail = body[:cut].rstrip(), body[cut:].strip()
            nxt = lines[i+1] if i + 1 < len(lines) else ''
            nm = re.match(r'^(\s*) \*( *)(.*)$', nxt)
            if not closes and nm and nm.group(3) not in ('', '/') and (nm.group(1) + ' *' + nm.group(2)) == prefix \
               and not re.match(r'^(\(\d+\) |- |\d+\. |[A-Z][a-z]+:\s{2,})', nm.group(3)):
                lines[i+1] = prefix + tail + ' ' + nm.group(3)
            else:
                if tail == '*/':
                    cut2 = head.rfind(' '); head, tail = head[:cut2], head[cut2+1:] + ' */'
                lines.insert(i+1, prefix + tail)
            lines[i] = head
            line = head
            out.append(head)
            inblock = True if not head.rstrip().endswith('*/') else False
            i += 1; continue
        if opens: inblock = '*/' not in line
        elif inblock and '*/' in line: inblock = False
        elif not inblock and '/*' in line and '*/' not in line.split('/*')[-1]: inblock = True
        out.append(line); i += 1
    return out
for p in sys.argv[1:]:
    s = open(p).read(); t = '\n'.join(flow(s.split('\n')))
    if s != t: open(p, 'w').write(t); print('reflowed', p)
