#!/bin/sh
# The syscalls check catches a call without a page, a page that lies, a page without a call and an old index.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

index()
{
    "$here/../../tools/syscall-index" "$tree"
}

abi=core/include/exo/abi
printf '/* */\nX(INVALID, -4097, "text")\n' | put $abi/status_list.h
printf '/* */\nX(go, 3, SLOW, "go there")\n' | put $abi/syscall_list.h
printf '# go: go there\n\nNumber 3. Errors: EXO_ERR_INVALID.\n' | put docs/syscalls/go.md
index
clean syscalls

printf '# go: go away\n\nNumber 3.\n' | put docs/syscalls/go.md
caught syscalls "docs/syscalls/go.md: does not say '# go: go there'"
printf '# go: go there\n\nNumber 4.\n' | put docs/syscalls/go.md
caught syscalls "docs/syscalls/go.md: does not say 'Number 3.'"
printf '# go: go there\n\nNumber 3. Errors: EXO_ERR_ODD.\n' | put docs/syscalls/go.md
caught syscalls "docs/syscalls/go.md: there is no EXO_ERR_ODD"
printf '# go: go there\n\nNumber 3.\n' | put docs/syscalls/go.md
clean syscalls

printf '/* */\nX(go, 3, SLOW, "go there")\nX(stay, 3, SLOW, "stay")\n' | put $abi/syscall_list.h
caught syscalls "a number is given twice"
caught syscalls "docs/syscalls/stay.md: no such page for call 3"
printf '# stay: stay\n\nNumber 4.\n' | put docs/syscalls/stay.md
printf '/* */\nX(go, 3, SLOW, "go there")\nX(stay, 4, SLOW, "stay")\n' | put $abi/syscall_list.h
caught syscalls "docs/syscalls/README.md: not what the list makes"
index
clean syscalls
printf '/* */\nX(go, 3, SLOW, "go there")\nX(stay, 4)\n' | put $abi/syscall_list.h
caught syscalls "a line that is not X(name, number, PATH"
printf '/* */\nX(go, 3, SLOW, "go there")\n' | put $abi/syscall_list.h
index
caught syscalls "docs/syscalls/stay.md: no call has that name"
