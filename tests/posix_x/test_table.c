/* tests/posix_x/test_table.c - the table of Linux calls. */
#include "exo_check.h"
#include "posix_x/kernel/px.h"

/* A row has a handler exactly if it has a path, and only numbers that Linux has are answered. */
START_TEST(px_rows_are_sound)
{
    uint32_t answered = 0;

    for (uint32_t nr = 0; nr < PX_CALLS_MAX; nr++) {
        const struct px_row *row = px_row(nr);

        ck_assert((row->handler != NULL) == (row->path != PX_PATH_NONE));
        ck_assert_uint_lt(row->path, PX_PATHS);
        if (row->handler != NULL) {
            ck_assert_str_ne(px_call_name(nr), "?");
            answered++;
        }
    }
    ck_assert_uint_ge(answered, 40);
}
END_TEST

/* Numbers, names and the end of the table. */
START_TEST(px_names_are_linux)
{
    ck_assert_str_eq(px_call_name(0), "read");
    ck_assert_str_eq(px_call_name(59), "execve");
    ck_assert_str_eq(px_call_name(231), "exit_group");
    ck_assert_str_eq(px_call_name(318), "getrandom");
    ck_assert_str_eq(px_call_name(334), "rseq");
    ck_assert_str_eq(px_call_name(400), "?");
    ck_assert_str_eq(px_call_name(UINT32_MAX), "?");
    ck_assert(px_row(PX_CALLS_MAX) == NULL);
    ck_assert(px_row(PX_NR_rseq)->handler == NULL); /* half an answer would be worse */
    ck_assert(px_row(PX_NR_clone3)->handler == NULL);
}
END_TEST

EXO_SUITE(px_table, EXO_TEST(px_rows_are_sound), EXO_TEST(px_names_are_linux))
