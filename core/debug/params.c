/*
 * core/debug/params.c - the kernel's command line: parameters, then the first program's arguments.
 *
 * Invariants:
 *   (1) all text handed out lies in g_text, which changes no more after boot_params_read();
 *   (2) decoding only makes a word shorter, so words stay apart;
 *   (3) every word that is not understood is reported with a warning and otherwise passed over.
 */
#include "exo/debug/boot.h"

#include "exo/debug/log.h"
#include "exo/hal/boot_info.h"
#include "exo/lib/assert.h"
#include "exo/lib/percent.h"
#include "exo/lib/string.h"

#include "params.h"

extern const struct boot_param *const __start_exo_boot_params[] __attribute__((weak));
extern const struct boot_param *const __stop_exo_boot_params[] __attribute__((weak));

static char g_text[BOOT_CMDLINE_MAX];
static const char *g_args[BOOT_ARGS_MAX + 1];
static uint32_t g_arg_count;
static const char *g_env[BOOT_ARGS_MAX + 1];
static uint32_t g_env_count;

const char *const *boot_args(uint32_t *argc)
{
    *argc = g_arg_count;
    return g_args;
}

const char *const *boot_env(uint32_t *envc)
{
    *envc = g_env_count;
    return g_env;
}

/* Cut the next word off *rest, NUL-terminated; NULL if there is none. */
static char *next_word(char **rest)
{
    char *at = *rest;

    while (*at == ' ') {
        at++;
    }
    if (*at == '\0') {
        return NULL;
    }
    char *const word = at;

    while (*at != ' ' && *at != '\0') {
        at++;
    }
    *rest = *at == '\0' ? at : at + 1;
    *at = '\0';
    return word;
}

static const struct boot_param *find_param(const char *key)
{
    for (const struct boot_param *const *at = __start_exo_boot_params; at < __stop_exo_boot_params;
         at++) {
        if (str_equal((*at)->key, key)) {
            return *at;
        }
    }
    return NULL;
}

/* End the key of key=value and return the value, "" if there is no '='. */
static char *cut_value(char *word)
{
    char *value = word;

    while (*value != '=' && *value != '\0') {
        value++;
    }
    if (*value == '=') {
        *value++ = '\0';
    }
    return value;
}

static void set_param(const char *key, char *value)
{
    const struct boot_param *const param = find_param(key);

    if (param == NULL) {
        klog(KLOG_WARN, "boot", "unknown parameter key=%s", key);
        return;
    }
    exo_status_t status = percent_decode(value);

    if (status == EXO_OK && strlen(value) >= PARAM_VALUE_MAX) {
        status = EXO_ERR_INVALID;
    }
    if (status == EXO_OK) {
        status = param->set(value);
    }
    if (status != EXO_OK) {
        klog(KLOG_WARN, "boot", "parameter refused key=%s value=%s: %s", key, value,
             exo_status_text(status));
    }
}

static void add_argument(char *word)
{
    if (g_arg_count == BOOT_ARGS_MAX) {
        klog(KLOG_WARN, "boot", "argument left out, more than %u", BOOT_ARGS_MAX);
        return;
    }
    if (percent_decode(word) != EXO_OK) {
        klog(KLOG_WARN, "boot", "argument badly encoded, taken as it is: %s", word);
    }
    g_args[g_arg_count++] = word;
}

bool params_name_program(const char *line)
{
    for (const char *at = line; *at != '\0'; at++) {
        if ((at == line || at[-1] == ' ') && str_after_prefix(at, "-- ") != NULL) {
            return true;
        }
    }
    return false;
}

void params_walk(char *line, const struct params_visitor *visitor)
{
    char *rest = line;
    bool in_arguments = false;

    for (char *word = next_word(&rest); word != NULL; word = next_word(&rest)) {
        if (in_arguments) {
            visitor->argument(word);
        } else if (str_equal(word, "--")) {
            in_arguments = true;
        } else {
            visitor->param(word, cut_value(word));
        }
    }
}

void boot_params_read(void)
{
    static const struct params_visitor visitor = { .param = set_param, .argument = add_argument };

    if (!str_copy(g_text, sizeof(g_text), boot_info_get()->cmdline)) {
        klog(KLOG_WARN, "boot", "command line cut to %u bytes", BOOT_CMDLINE_MAX - 1);
    }
    if (params_name_program(g_text)) {
        klog_console_level_set(KLOG_ERROR);
    }
    params_walk(g_text, &visitor);
}

static bool g_recovery;

static exo_status_t param_recovery(const char *value)
{
    g_recovery = !str_equal(value, "0");
    return EXO_OK;
}
EXO_BOOT_PARAM(recovery, "recovery", "one CPU, and the monitor instead of init", param_recovery);

bool boot_is_recovery(void)
{
    return g_recovery;
}

static exo_status_t param_env(const char *value)
{
    if (g_env_count == BOOT_ARGS_MAX) {
        return EXO_ERR_NO_RESOURCES;
    }
    g_env[g_env_count++] = value;
    return EXO_OK;
}
EXO_BOOT_PARAM(env, "env", "NAME=VALUE: one variable of the first program's environment",
               param_env);
