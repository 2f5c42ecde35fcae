/* tests/core/fs/test_cpio.c - the cpio reader: walks, finds, and trusts nothing. */
#include "exo/fs/cpio.h"
#include "exo/lib/fmt.h"
#include "exo/lib/string.h"
#include "exo_check.h"

#define ARCHIVE_MAX 8192u
#define HEADER_SIZE 110u
#define REGULAR     (CPIO_MODE_REGULAR | 0755u)
#define LINK        (CPIO_MODE_LINK | 0777u)

static uint8_t g_archive[ARCHIVE_MAX];
static size_t g_len;

static void begin(void)
{
    memset(g_archive, 0, sizeof(g_archive));
    g_len = 0;
}

static void add(const char *name, uint32_t mode, const char *data)
{
    const size_t name_size = strlen(name) + 1;
    const size_t data_size = strlen(data);
    char header[HEADER_SIZE + 1];

    fmt_print(header, sizeof(header), "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
              1u, mode, 0u, 0u, 1u, 0u, (unsigned)data_size, 0u, 0u, 0u, 0u, (unsigned)name_size,
              0u);
    memcpy(g_archive + g_len, header, HEADER_SIZE);
    memcpy(g_archive + g_len + HEADER_SIZE, name, name_size);
    g_len = align_up(g_len + HEADER_SIZE + name_size, 4);
    memcpy(g_archive + g_len, data, data_size);
    g_len = align_up(g_len + data_size, 4);
}

static void standard(void)
{
    begin();
    add("./bin", CPIO_MODE_DIR | 0755u, "");
    add("./bin/tool", REGULAR, "tool bytes");
    add("bin/seq", LINK, "tool");
    add("bin/abs", LINK, "/bin/tool");
    add("bin/lost", LINK, "nothing");
    add("bin/loop", LINK, "loop");
    add("/etc/empty", REGULAR, "");
    add("bin/twice", REGULAR, "old");
    add("bin/twice", REGULAR, "newer");
    add("TRAILER!!!", 0, "");
}

/* Put eight hexadecimal digits over field `index` of the first header. */
static void poke(uint32_t index, const char *digits)
{
    memcpy(g_archive + 6 + 8 * index, digits, 8);
}

static exo_status_t first(struct cpio_file *file)
{
    struct cpio_cursor cursor = { 0 };

    return cpio_next(g_archive, g_len, &cursor, file);
}

/* The walk gives every file with its facts, in order, and ends at the trailer. */
START_TEST(cpio_next_walks)
{
    static const char *const names[] = { "bin",       "bin/tool",  "bin/seq",
                                         "bin/abs",   "bin/lost",  "bin/loop",
                                         "etc/empty", "bin/twice", "bin/twice" };
    struct cpio_cursor cursor = { 0 };
    struct cpio_file file = { 0 };

    standard();
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        ck_assert_int_eq(cpio_next(g_archive, g_len, &cursor, &file), EXO_OK);
        ck_assert_str_eq(file.name, names[i]);
    }
    ck_assert_int_eq(cpio_next(g_archive, g_len, &cursor, &file), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(cpio_next(g_archive, g_len, &cursor, &file), EXO_ERR_NOT_FOUND);
}
END_TEST

/* Look-up by path with or without a slash, through links, the last of equal names. */
START_TEST(cpio_find_finds)
{
    struct cpio_file file = { 0 };

    standard();
    ck_assert_int_eq(cpio_find(g_archive, g_len, "bin/tool", &file), EXO_OK);
    ck_assert_uint_eq(file.len_bytes, 10);
    ck_assert_mem_eq(file.data, "tool bytes", 10);
    ck_assert_uint_eq(file.mode, REGULAR);
    ck_assert_int_eq(cpio_find(g_archive, g_len, "/bin/seq", &file), EXO_OK);
    ck_assert_str_eq(file.name, "bin/tool");
    ck_assert_int_eq(cpio_find(g_archive, g_len, "./bin/abs", &file), EXO_OK);
    ck_assert_str_eq(file.name, "bin/tool");
    ck_assert_int_eq(cpio_find(g_archive, g_len, "/etc/empty", &file), EXO_OK);
    ck_assert_uint_eq(file.len_bytes, 0);
    ck_assert_int_eq(cpio_find(g_archive, g_len, "bin/twice", &file), EXO_OK);
    ck_assert_mem_eq(file.data, "newer", 5);
}
END_TEST

/* What is not there, leads nowhere, in a circle, or is too long has a status of its own. */
START_TEST(cpio_find_says_why_not)
{
    static char path[CPIO_PATH_MAX + 1];
    struct cpio_file file = { .name = "untouched" };

    standard();
    ck_assert_int_eq(cpio_find(g_archive, g_len, "bin/too", &file), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(cpio_find(g_archive, g_len, "", &file), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(cpio_find(g_archive, g_len, "bin/lost", &file), EXO_ERR_NOT_FOUND);
    ck_assert_int_eq(cpio_find(g_archive, g_len, "bin/loop", &file), EXO_ERR_NO_RESOURCES);
    memset(path, 'a', CPIO_PATH_MAX);
    ck_assert_int_eq(cpio_find(g_archive, g_len, path, &file), EXO_ERR_NO_RESOURCES);
    ck_assert_str_eq(file.name, "untouched");
}
END_TEST

/* Each field that the reader uses is checked; so are magic, the name's NUL and the padding. */
START_TEST(cpio_rejects_malformed_headers)
{
    struct cpio_file file = { 0 };

    standard();
    g_archive[5] = '2';
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
    standard();
    poke(1, "0000g000");
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
    poke(1, "000081ED");
    ck_assert_int_eq(first(&file), EXO_OK); /* capitals are digits too */
    poke(6, "ffffffff");
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
    poke(6, " 0000000");
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
    standard();
    poke(11, "00000000");
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
    poke(11, "00001001"); /* CPIO_NAME_MAX + 1 */
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
    poke(11, "ffffffff");
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
    poke(11, "00000005"); /* ends before the name's NUL */
    ck_assert_int_eq(first(&file), EXO_ERR_BAD_FORMAT);
}
END_TEST

/* However short the archive is cut, the walk ends with a status and never reads past the cut. */
START_TEST(cpio_rejects_every_cut)
{
    struct cpio_file file = { 0 };

    standard();
    const size_t whole = g_len;
    const size_t trailer_end = whole - 1; /* the last byte is padding */

    for (size_t len = 0; len < trailer_end; len++) {
        ck_assert_int_eq(cpio_find(g_archive, len, "bin/nothing", &file), EXO_ERR_BAD_FORMAT);
    }
    ck_assert_int_eq(cpio_find(g_archive, whole, "bin/nothing", &file), EXO_ERR_NOT_FOUND);
}
END_TEST

EXO_SUITE(cpio, EXO_TEST(cpio_next_walks), EXO_TEST(cpio_find_finds),
          EXO_TEST(cpio_find_says_why_not), EXO_TEST(cpio_rejects_malformed_headers),
          EXO_TEST(cpio_rejects_every_cut))
