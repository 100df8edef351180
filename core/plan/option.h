/* Declared options: one table is the checker, the defaults, `shoal describe`, the reference page
 * and the JSON Schema.
 *
 * A table binds to a C struct: every option names the field its checked value goes to.
 *
 *     struct wallet_options { const char *exchange; int64_t payments; struct distribution amount;
 * }; #define FIELD(field) OPTION_FIELD(struct wallet_options, field) static const struct option
 * wallet_option_list[] = {
 *         {"exchange", OPTION_URL, FIELD(exchange), .flags = OPTION_EMBEDDED,
 *          .default_text = "embedded", .help = "Base URL of the exchange"},
 *         {"payments", OPTION_INTEGER, FIELD(payments), .min = 1, .default_text = "5",
 *          .help = "Payments of one iteration"},
 *         {"amount", OPTION_DISTRIBUTION, FIELD(amount), .base = DISTRIBUTION_AMOUNT,
 *          .default_text = "EUR:1", .help = "What one payment is worth"},
 *     };
 *     const struct option_table wallet_options = OPTION_TABLE_OF(struct wallet_options,
 *                                                                wallet_option_list);
 *
 * All memory that fields point to is the plan's and lives as long as it does.
 */
#ifndef SHOAL_CORE_PLAN_OPTION_H
#define SHOAL_CORE_PLAN_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/plan/distribution.h"
#include "core/plan/errors.h"
#include "core/util/arena.h"
#include "core/util/json.h"

/* type, name in texts, the field's C type. STRING, SECRET, URL and PATH also take {"env": "NAME"}
 * and {"file": "PATH"}; what is read from a file loses its final line end. */
#define OPTION_TYPES(X)                                                                            \
    X(STRING, "string", const char *)                                                              \
    X(SECRET, "secret string", const char *) /* *** in everything we write */                      \
    X(URL, "URL", const char *)              /* http or https; OPTION_EMBEDDED: also "embedded" */ \
    X(PATH, "path", const char *)            /* absolute once bound */                             \
    X(BOOL, "true or false", bool)                                                                 \
    X(INTEGER, "integer", int64_t) /* or a 4-byte integer */                                       \
    X(NUMBER, "number", double)                                                                    \
    X(SHARE, "share (0 to 1)", double)                                                             \
    X(DURATION, "duration", int64_t)  /* ns: "30s" */                                              \
    X(RATE, "rate", double)           /* per second: 50, "50/s", "3000/min", "9/h" */              \
    X(ENUM, "one of", int)            /* index in values */                                        \
    X(SIZE, "size", int64_t)          /* bytes: 4096, "1MiB", "64kB" */                            \
    X(AMOUNT, "amount", const char *) /* "EUR:5.01" or "5.01", checked by shape only */            \
    X(DISTRIBUTION, "distribution", struct distribution)                                           \
    X(STRINGS, "list of strings", struct option_strings)                                           \
    X(TABLE, "object", void)                       /* the struct that .table binds to, in place */ \
    X(LIST, "list of objects", struct option_list) /* of structs that .table binds to */           \
    X(CUSTOM, "", void)                            /* as .custom says */

enum option_type {
#define OPTION_TYPE_ENUM(id, text, field) OPTION_##id,
    OPTION_TYPES(OPTION_TYPE_ENUM)
#undef OPTION_TYPE_ENUM
};

struct option_strings {
    const char *const *items; /* NULL-terminated */
    size_t count;
};

struct option_list {
    void *items;
    size_t count;
};

enum option_flags {
    OPTION_REQUIRED = 1, /* has no default and must be given */
    OPTION_EMBEDDED = 2, /* an URL that may be "embedded" */
    OPTION_EXISTS = 4,   /* a PATH that must be readable ("{client}" in it: not checked) */
};

#define OPTION_EMBEDDED_TEXT "embedded"
#define OPTION_HIDDEN_TEXT "***"
#define OPTION_TEXT_MAX 65536 /* bytes of a string value, also from a file */

struct option;
struct option_binder;

/* A shape of its own. `bind` checks `value` (never NULL) and fills the field, or adds errors. */
struct option_custom {
    const char *shape;  /* for texts: "client, iteration, shared, {\"requests\": N}" */
    const char *schema; /* JSON Schema of the value, as JSON text */
    void (*bind)(struct option_binder *binder, const struct option *option, const cJSON *value,
                 const char *path, void *field);
};

struct option {
    const char *name;
    enum option_type type;
    size_t offset, size; /* of the field: OPTION_FIELD */
    const char *help;    /* one line, a sentence without a full stop */
    /* As after --set: JSON where the type wants it, else the text. NULL: without one an absent
     * option is 0, NULL, empty, the first of values, or the defaults of .table. */
    const char *default_text;
    const char *unit;          /* for texts: "coins" */
    const char *const *values; /* ENUM: NULL-terminated */
    /* Of INTEGER, NUMBER, DURATION (ns), RATE, SIZE, DISTRIBUTION (in the base's unit) and the
     * length of STRINGS and LIST. max 0: none. min 0 unless given: a negative value needs a
     * negative min. */
    double min, max;
    unsigned flags;
    enum distribution_base base;
    const struct option_table *table;
    const struct option_custom *custom;
};

struct option_table {
    const struct option *options;
    size_t count;
    size_t size; /* of the struct */
};

/* clang-format off */
#define OPTION_FIELD(type_, field_)                                                                \
    .offset = offsetof(type_, field_), .size = sizeof(((type_ *)0)->field_)
#define OPTION_TABLE_OF(type_, list_) {(list_), sizeof(list_) / sizeof((list_)[0]), sizeof(type_)}
/* clang-format on */

/* What binding needs. Strings and lists go to the arena. */
struct option_binder {
    struct arena *arena;
    struct plan_errors *errors;
};

/* Checks `object` (an object, or NULL for all defaults) and fills the struct at `out`. `resolved`
 * (NULL: not wanted) is an empty object that gets every option with its default, in the table's
 * order, secrets hidden, paths absolute. 0, or SHOAL_E_BAD_INPUT with errors added. */
int options_bind(struct option_binder *binder, const struct option_table *table,
                 const cJSON *object, const char *path, void *out, cJSON *resolved);

/* Options without a plan: `shoal serve SYSTEM --set key=value`. A value is JSON if it parses, else
 * a string. `out` is table->size bytes. */
int options_from_sets(const struct option_table *table, const char *const *sets, size_t set_count,
                      struct arena *arena, void *out, struct plan_errors *errors);

/* NULL when there is none. The name may lead into nested tables: "faults.delay". */
const struct option *option_find(const struct option_table *table, const char *name);

/* A field of type const char *, read, or replaced once a stand-in has told its address. `text` must
 * live as long as the options. The option must exist. */
const char *option_text(const struct option_table *table, const void *options, const char *name);
void option_set_text(const struct option_table *table, void *options, const char *name,
                     const char *text);

static inline bool option_is_embedded(const char *text)
{
    return text && strcmp(text, OPTION_EMBEDDED_TEXT) == 0;
}

/* "duration", "one of client, shared", "integer, 1 to 10", "amount or a distribution": for texts.
 */
void option_type_text(struct buf *out, const struct option *option);

#endif
