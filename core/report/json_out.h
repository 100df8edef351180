/* Writing JSON: members in order, commas and quoting done, indented where people read it.
 *
 * A key is NULL inside an array. Errors are the buffer's, which are sticky.
 */
#ifndef SHOAL_CORE_REPORT_JSON_OUT_H
#define SHOAL_CORE_REPORT_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/util/bytes.h"

struct json_out {
    struct buf *buf;
    int indent_depth; /* containers nested less deep get a line per member; 0: all on one line */
    int depth;        /* ours */
    bool more;        /* ours: a member was written at this depth */
};

void jo_open(struct json_out *o, const char *key, char bracket);       /* '{' or '[' */
void jo_close(struct json_out *o, char bracket);                       /* '}' or ']' */
void jo_string(struct json_out *o, const char *key, const char *text); /* NULL is null */
void jo_uint(struct json_out *o, const char *key, uint64_t value);
void jo_int(struct json_out *o, const char *key, int64_t value);
void jo_bool(struct json_out *o, const char *key, bool value);
void jo_null(struct json_out *o, const char *key);
/* At most six decimals, no trailing zeros; null when it is not finite. */
void jo_number(struct json_out *o, const char *key, double value);
/* Nanoseconds as milliseconds or seconds, exact. */
void jo_ms(struct json_out *o, const char *key, uint64_t ns);
void jo_seconds(struct json_out *o, const char *key, uint64_t ns);

#endif
