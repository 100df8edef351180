/* The part of json.h that looks at text only: checks it before cJSON sees it. */
#ifndef SHOAL_CORE_UTIL_JSON_SCAN_H
#define SHOAL_CORE_UTIL_JSON_SCAN_H

#include "core/util/json.h"

/* What cJSON can read of one number; a longer one is refused. */
#define JSON_NUMBER_MAX 63

/* 0 when `text` is one JSON value that cJSON reads as it is meant; else the code of json_parse. */
int json_scan(struct slice text, struct json_error *err);

/* The length (1 to 4) of the valid UTF-8 sequence at p, 0 when there is none. */
size_t utf8_sequence(const uint8_t *p, size_t left);

#endif
