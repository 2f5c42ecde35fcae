/*
 * core/fs/cpio.c - reader of cpio "newc" archives.
 *
 * Invariants:
 *   (1) cursor->offset <= len_bytes, and whatever cpio_next() gives lies wholly inside the archive;
 *   (2) each step moves the cursor by at least a header, so a walk ends.
 */
#include "exo/fs/cpio.h"

#include "exo/lib/assert.h"
#include "exo/lib/string.h"

#define HEADER_SIZE  110u /* bytes: the magic and 13 fields of 8 hexadecimal digits */
#define FIELD_DIGITS 8u
#define MAGIC_SIZE   6u

enum field { FIELD_MODE = 1, FIELD_FILE_SIZE = 6, FIELD_NAME_SIZE = 11 };

static const char g_magic[] = "070701";
static const char g_trailer[] = "TRAILER!!!";

static bool digit_value(uint8_t digit, uint32_t *value)
{
    if (digit >= '0' && digit <= '9') {
        *value = (uint32_t)(digit - '0');
    } else if (digit >= 'a' && digit <= 'f') {
        *value = (uint32_t)(digit - 'a') + 10u;
    } else if (digit >= 'A' && digit <= 'F') {
        *value = (uint32_t)(digit - 'A') + 10u;
    } else {
        return false;
    }
    return true;
}

static bool field_read(const uint8_t *header, enum field field, uint32_t *out)
{
    const uint8_t *text = header + MAGIC_SIZE + (size_t)field * FIELD_DIGITS;
    uint32_t value = 0;

    for (size_t i = 0; i < FIELD_DIGITS; i++) {
        uint32_t digit = 0;

        if (!digit_value(text[i], &digit)) {
            return false;
        }
        value = value << 4 | digit;
    }
    *out = value;
    return true;
}

/* Skip what may stand before a path: "/", "./" and repetitions. */
static const char *path_start(const char *path)
{
    for (;;) {
        if (path[0] == '/') {
            path++;
        } else if (path[0] == '.' && path[1] == '/') {
            path += 2;
        } else {
            return path;
        }
    }
}

exo_status_t cpio_next(const uint8_t *archive, size_t len_bytes, struct cpio_cursor *cursor,
                       struct cpio_file *out)
{
    uint32_t mode = 0;
    uint32_t file_size = 0;
    uint32_t name_size = 0;

    KASSERT(cursor->offset <= len_bytes);
    const uint8_t *header = archive + cursor->offset;
    const uint64_t left = len_bytes - cursor->offset;

    if (left < HEADER_SIZE || memcmp(header, g_magic, MAGIC_SIZE) != 0 ||
        !field_read(header, FIELD_MODE, &mode) ||
        !field_read(header, FIELD_FILE_SIZE, &file_size) ||
        !field_read(header, FIELD_NAME_SIZE, &name_size)) {
        return EXO_ERR_BAD_FORMAT;
    }
    /* Name and data are each padded to 4 bytes, counted from the start of the archive, which is
     * aligned. */
    const uint64_t data_at = align_up(cursor->offset + HEADER_SIZE + name_size, 4) - cursor->offset;
    const uint64_t next_at = align_up(cursor->offset + data_at + file_size, 4) - cursor->offset;
    const char *name = (const char *)header + HEADER_SIZE;

    if (name_size == 0 || name_size > CPIO_NAME_MAX || data_at > left ||
        file_size > left - data_at || name[name_size - 1] != '\0') {
        return EXO_ERR_BAD_FORMAT;
    }
    if (str_equal(name, g_trailer)) {
        return EXO_ERR_NOT_FOUND;
    }
    *out = (struct cpio_file){
        .name = path_start(name), .data = header + data_at, .len_bytes = file_size, .mode = mode
    };
    cursor->offset += (size_t)min_u64(next_at, left); /* the last padding may be cut off */
    return EXO_OK;
}

static exo_status_t find_exact(const uint8_t *archive, size_t len_bytes, const char *path,
                               struct cpio_file *out)
{
    struct cpio_cursor cursor = { 0 };
    struct cpio_file file;
    bool found = false;
    exo_status_t status = cpio_next(archive, len_bytes, &cursor, &file);

    while (status == EXO_OK) {
        if (str_equal(file.name, path)) {
            *out = file;
            found = true;
        }
        status = cpio_next(archive, len_bytes, &cursor, &file);
    }
    return found && status == EXO_ERR_NOT_FOUND ? EXO_OK : status;
}

/* Replace path[CPIO_PATH_MAX] by where the link that it names leads. */
static exo_status_t path_follow(char *path, const struct cpio_file *link)
{
    char next[CPIO_PATH_MAX];
    size_t dir_len = 0;

    if (link->len_bytes == 0) {
        return EXO_ERR_NOT_FOUND;
    }
    if (link->data[0] != '/') { /* relative to the folder of the link */
        for (size_t i = 0; path[i] != '\0'; i++) {
            dir_len = path[i] == '/' ? i + 1 : dir_len;
        }
    }
    if (dir_len + link->len_bytes >= CPIO_PATH_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    memcpy(next, path, dir_len);
    memcpy(next + dir_len, link->data, link->len_bytes);
    next[dir_len + link->len_bytes] = '\0';

    const char *start = path_start(next);

    memcpy(path, start, strlen(start) + 1);
    return EXO_OK;
}

exo_status_t cpio_find(const uint8_t *archive, size_t len_bytes, const char *path,
                       struct cpio_file *out)
{
    char at[CPIO_PATH_MAX];
    const char *start = path_start(path);

    if (strlen(start) >= sizeof(at)) {
        return EXO_ERR_NO_RESOURCES;
    }
    memcpy(at, start, strlen(start) + 1);
    for (uint32_t links = 0; links <= CPIO_LINKS_MAX; links++) {
        struct cpio_file file;
        exo_status_t status = find_exact(archive, len_bytes, at, &file);

        if (status != EXO_OK) {
            return status;
        }
        if ((file.mode & CPIO_MODE_TYPE) != CPIO_MODE_LINK) {
            *out = file;
            return EXO_OK;
        }
        status = path_follow(at, &file);
        if (status != EXO_OK) {
            return status;
        }
    }
    return EXO_ERR_NO_RESOURCES;
}
