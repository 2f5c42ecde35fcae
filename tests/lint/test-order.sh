#!/bin/sh
# The order check catches a sequentially consistent access, a fence and a silent form that the document
# does not list, and a line of the document that is true no more.
# shellcheck source=tests/lint/common.sh
. "$(dirname "$0")/common.sh"

# table ROWS: the document with these lines.
table()
{
    printf '# Order\n\n| file | function | count | why |\n|---|---|---|---|\n%s\n' "$1" | put docs/memory-order.md
}

put core/x/a.c <<'EOF'
/* seq_cst in a comment is none: memory_order_seq_cst */
static int quiet(void)
{
    return atomic_load_explicit(&g_x, memory_order_acquire);
}

void loud(struct x *x,
          int y)
{
    atomic_store_explicit(&x->a, y, memory_order_seq_cst);
    atomic_thread_fence(memory_order_seq_cst);
}
EOF
row='| core/x/a.c | loud | 2 | for a test |'
table "$row"
clean order

table ''
caught order "core/x/a.c: loud has 2 sequentially consistent accesses or fences, docs/memory-order.md lists 0"
table '| core/x/a.c | loud | 1 | for a test |'
caught order "loud has 2 sequentially consistent accesses or fences, docs/memory-order.md lists 1"
table "$row
| core/x/a.c | quiet | 1 | no more |"
caught order "core/x/a.c: quiet is listed in docs/memory-order.md and has none"

table "$row"
put core/x/b.h <<'EOF'
static inline void silent(void)
{
    atomic_fetch_add(&g_x, 1);
}
EOF
caught order "core/x/b.h:3: atomic_fetch_add() without an order is sequentially consistent"
put core/x/b.h <<'EOF'
static inline void fence(void)
{
    atomic_thread_fence(memory_order_acquire);
}
EOF
caught order "core/x/b.h: fence has 1 sequentially consistent accesses or fences, docs/memory-order.md lists 0"
