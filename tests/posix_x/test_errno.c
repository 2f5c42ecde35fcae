/* tests/posix_x/test_errno.c - the table from status to errno is total and stays in errno's
 * range. */
#include "exo_check.h"
#include "posix_x/kernel/px.h"

static const exo_status_t g_all[] = {
#define X(name, value, text) EXO_ERR_##name,
#include "exo/abi/status_list.h"
#undef X
};

/* Every status of the list has an errno; it is never a status and never success. */
START_TEST(px_error_is_total)
{
    for (size_t i = 0; i < ARRAY_COUNT(g_all); i++) {
        const int64_t error = px_error(g_all[i]);

        ck_assert_int_lt(error, 0);
        ck_assert_int_ge(error, -LINUX_ERRNO_MAX);
    }
}
END_TEST

/* Those on which programs depend are the ones that the manual pages name. */
START_TEST(px_error_is_what_programs_expect)
{
    ck_assert_int_eq(px_error(EXO_ERR_INVALID), -22);
    ck_assert_int_eq(px_error(EXO_ERR_BAD_ADDRESS), -14);
    ck_assert_int_eq(px_error(EXO_ERR_NO_MEMORY), -12);
    ck_assert_int_eq(px_error(EXO_ERR_NOT_FOUND), -2);
    ck_assert_int_eq(px_error(EXO_ERR_EXISTS), -17);
    ck_assert_int_eq(px_error(EXO_ERR_BAD_FORMAT), -8);
    ck_assert_int_eq(px_error(EXO_ERR_INTERRUPTED), -4);
}
END_TEST

EXO_SUITE(px_errno, EXO_TEST(px_error_is_total), EXO_TEST(px_error_is_what_programs_expect))
