/* JSON in: one scanner for plans and for replies, then cJSON.
 *
 * The scanner checks the text (RFC 8259, UTF-8), refuses nesting beyond a limit and duplicate keys,
 * and only then lets cJSON build the tree; so cJSON never sees what could exhaust its stack. A
 * scanned document can tell the line of any path (for plans), gives raw slices (a signature over
 * the bytes as sent) and 64-bit integers, which cJSON's doubles cannot hold.
 *
 * Deep in stack: call it on the lane's stack (fiber_deep) from a fiber.
 */
#ifndef SHOAL_CORE_UTIL_JSON_H
#define SHOAL_CORE_UTIL_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/util/bytes.h"

#define JSON_DEPTH_MAX 64 /* nesting of arrays and objects */

struct json_error {
    size_t line;    /* from 1 */
    size_t column;  /* from 1, in bytes */
    char text[160]; /* "duplicate key \"clients\"" */
};

/* Parse. On success *out is the tree (free with cJSON_Delete). On failure *out is NULL, *err (which
 * may be NULL) says where and what, and the code is SHOAL_E_BAD_REPLY, SHOAL_E_LIMIT (depth) or
 * SHOAL_E_NOMEM. `text` need not be NUL-terminated. */
int json_parse(cJSON **out, struct slice text, struct json_error *err);

/* The raw value at `path` ("scenarios.0.options.exchange"; array members by index, a dot in a key
 * cannot be addressed; "" is the whole) in a text that json_parse accepted. false when there is
 * none. `line` (may be NULL) is the one of the member's key, or of the array member itself. */
bool json_locate(struct slice text, const char *path, struct slice *raw, size_t *line);

/* Typed members of an object; `object` may be NULL or of another type, which is "not there".
 * NULL / false when the member is missing or of another type. Strings stay owned by the tree. */
const char *json_string(const cJSON *object, const char *key);
const cJSON *json_object(const cJSON *object, const char *key);
const cJSON *json_array(const cJSON *object, const char *key);
bool json_bool(const cJSON *object, const char *key, bool *out);
/* An integer in [-2^53, 2^53], which a double holds exactly; anything else is refused. */
bool json_int(const cJSON *object, const char *key, int64_t *out);
/* A 64-bit integer from its raw digits. */
bool json_raw_u64(struct slice raw, uint64_t *out);

/* Appends `text` quoted and escaped. Invalid UTF-8 is replaced by U+FFFD. */
void json_quote(struct buf *out, struct slice text);

#endif
