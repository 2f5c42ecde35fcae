/*
 * acpi_aml.c - the one thing this kernel takes from AML: the numbers of the _S5_ package.
 *
 * A full interpreter is not needed to power off: firmware declares sleep states as constant
 * packages, Name (_S5_, Package () { a, b, ... }), so the byte pattern is looked for and its first
 * two constants are decoded. A match inside other data that does not decode is passed over.
 *
 * Invariant: `at` never passes `len`; each decoder checks before it reads.
 * Spec: ACPI 6.4 section 20.2.
 */
#include "acpi_parse.h"

enum aml_op {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a,
    AML_WORD = 0x0b,
    AML_DWORD = 0x0c,
    AML_QWORD = 0x0e,
    AML_PACKAGE = 0x12,
    AML_ROOT = 0x5c,
    AML_ONES = 0xff,
};

struct aml_cursor {
    const uint8_t *bytes;
    size_t len;
    size_t at;
};

/* Pass over a PkgLength; false if it runs out of the table. */
static bool package_length_skip(struct aml_cursor *cursor)
{
    if (cursor->at >= cursor->len) {
        return false;
    }
    cursor->at += 1u + (cursor->bytes[cursor->at] >> 6);
    return cursor->at < cursor->len;
}

/* Read a constant and keep its low byte, all that SLP_TYP has room for. */
static bool constant_read(struct aml_cursor *cursor, uint8_t *out)
{
    size_t value_bytes = 0;

    if (cursor->at >= cursor->len) {
        return false;
    }
    switch (cursor->bytes[cursor->at++]) {
    case AML_ZERO:
        *out = 0;
        return true;
    case AML_ONE:
        *out = 1;
        return true;
    case AML_ONES:
        *out = 0xff;
        return true;
    case AML_BYTE:
        value_bytes = 1;
        break;
    case AML_WORD:
        value_bytes = 2;
        break;
    case AML_DWORD:
        value_bytes = 4;
        break;
    case AML_QWORD:
        value_bytes = 8;
        break;
    default:
        return false;
    }
    if (value_bytes > cursor->len - cursor->at) {
        return false;
    }
    *out = cursor->bytes[cursor->at];
    cursor->at += value_bytes;
    return true;
}

/* Decode the package that begins at cursor->at. */
static bool sleep_package_read(struct aml_cursor *cursor, struct acpi_sleep *out)
{
    struct acpi_sleep sleep = { 0 };

    if (cursor->at >= cursor->len || cursor->bytes[cursor->at] != AML_PACKAGE) {
        return false;
    }
    cursor->at++;
    if (!package_length_skip(cursor)) {
        return false;
    }
    const uint8_t elements = cursor->bytes[cursor->at++];

    if (elements == 0 || !constant_read(cursor, &sleep.type_a)) {
        return false;
    }
    if (elements == 1) {
        sleep.type_b = sleep.type_a; /* some firmware packs one number for both registers */
    } else if (!constant_read(cursor, &sleep.type_b)) {
        return false;
    }
    if (sleep.type_a > 7 || sleep.type_b > 7) {
        return false;
    }
    *out = sleep;
    return true;
}

exo_status_t acpi_s5_find(const uint8_t *table, size_t len_bytes, struct acpi_sleep *out)
{
    for (size_t at = ACPI_HEADER_BYTES + 1; at + 4 <= len_bytes; at++) {
        const uint8_t *name = table + at;

        if (name[0] != '_' || name[1] != 'S' || name[2] != '5' || name[3] != '_') {
            continue;
        }
        const bool named = name[-1] == AML_NAME || (name[-1] == AML_ROOT && name[-2] == AML_NAME);
        struct aml_cursor cursor = { .bytes = table, .len = len_bytes, .at = at + 4 };

        if (named && sleep_package_read(&cursor, out)) {
            return EXO_OK;
        }
    }
    return EXO_ERR_NOT_FOUND;
}
