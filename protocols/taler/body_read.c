#include <stdio.h>

#include "core/util/json.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/body.h"

#define INTEGER_MAX 9007199254740992.0 /* 2^53: what a double holds exactly */

void body_open(struct body *b, struct slice text, struct taler_fault *fault)
{
    struct json_error why = {0};
    *b = (struct body){.fault = fault};
    if (fault)
        fault->text[0] = '\0';
    int error = json_parse(&b->root, text, &why);
    b->at = b->root;
    if (error)
        body_fail(b, error == SHOAL_E_NOMEM ? error : SHOAL_E_BAD_REPLY, "body", why.text);
    else if (!cJSON_IsObject(b->root))
        body_fail(b, SHOAL_E_BAD_REPLY, "body", "not a JSON object");
}

int body_close(struct body *b)
{
    cJSON_Delete(b->root);
    b->root = NULL;
    b->at = NULL;
    return b->error;
}

void body_fail(struct body *b, int error, const char *member, const char *what)
{
    if (b->error)
        return;
    b->error = error;
    if (b->fault)
        snprintf(b->fault->text, sizeof(b->fault->text), "%s: %s", member, what);
}

static const cJSON *find(const struct body *b, const char *member)
{
    return b->error ? NULL : cJSON_GetObjectItemCaseSensitive(b->at, member);
}

bool body_has(const struct body *b, const char *member)
{
    const cJSON *item = find(b, member);
    return item && !cJSON_IsNull(item);
}

const cJSON *body_enter(struct body *b, const cJSON *object)
{
    const cJSON *before = b->at;
    if (!b->error && !cJSON_IsObject(object))
        body_fail(b, SHOAL_E_BAD_REPLY, "element", "not an object");
    b->at = object;
    return before;
}

static const char *find_text(struct body *b, const char *member)
{
    const cJSON *item = find(b, member);
    if (cJSON_IsString(item))
        return item->valuestring;
    body_fail(b, SHOAL_E_BAD_REPLY, member, item ? "not a string" : "missing");
    return NULL;
}

void body_bytes(struct body *b, const char *member, void *out, size_t size)
{
    const char *text = find_text(b, member);
    memset(out, 0, size);
    if (text && taler_b32_decode(out, size, text, strlen(text))) {
        char what[48];
        snprintf(what, sizeof(what), "not %zu bytes in base32", size);
        body_fail(b, SHOAL_E_BAD_REPLY, member, what);
    }
}

size_t body_bytes_up_to(struct body *b, const char *member, void *out, size_t max)
{
    const char *text = find_text(b, member);
    size_t len = text ? strlen(text) : 0, size = TALER_B32_BYTES(len);
    memset(out, 0, max);
    if (text && (size == 0 || size > max || taler_b32_decode(out, size, text, len)))
        body_fail(b, SHOAL_E_BAD_REPLY, member, "not base32 of a length we take");
    return b->error ? 0 : size;
}

void body_rsa(struct body *b, const char *member, struct taler_rsa_value *out)
{
    out->len = (uint16_t)body_bytes_up_to(b, member, out->bytes, sizeof(out->bytes));
}

void body_amount(struct body *b, const char *member, struct taler_amount *out)
{
    const char *text = find_text(b, member);
    memset(out, 0, sizeof(*out));
    if (text && taler_amount_parse(out, text))
        body_fail(b, SHOAL_E_BAD_REPLY, member, "not an amount");
}

/* A whole number from 0 to `max`. */
static bool whole(const cJSON *item, double max, uint64_t *out)
{
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= max))
        return false;
    *out = (uint64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

void body_time(struct body *b, const char *member, uint64_t *out_s)
{
    const cJSON *t = cJSON_GetObjectItemCaseSensitive(find(b, member), "t_s");
    *out_s = 0;
    if (b->error)
        return;
    if (cJSON_IsString(t) && strcmp(t->valuestring, "never") == 0)
        *out_s = TALER_NEVER_S;
    else if (!whole(t, (double)TALER_TIME_MAX_S, out_s))
        body_fail(b, SHOAL_E_BAD_REPLY, member, "not a timestamp");
}

void body_u64(struct body *b, const char *member, uint64_t *out)
{
    *out = 0;
    const cJSON *item = find(b, member);
    if (!b->error && !whole(item, INTEGER_MAX, out))
        body_fail(b, SHOAL_E_BAD_REPLY, member, "not a whole number");
}

void body_text(struct body *b, const char *member, char *out, size_t cap)
{
    const char *text = find_text(b, member);
    size_t len = text ? strlen(text) : 0;
    out[0] = '\0';
    if (len >= cap)
        body_fail(b, SHOAL_E_BAD_REPLY, member, "longer than we take");
    else if (text)
        memcpy(out, text, len + 1);
}

void body_text_cut(struct body *b, const char *member, char *out, size_t cap)
{
    const cJSON *item = find(b, member);
    out[0] = '\0';
    if (!cJSON_IsString(item))
        return;
    size_t len = strnlen(item->valuestring, cap);
    if (len == cap) /* not in the middle of a character */
        for (len = cap - 1; len > 0 && ((uint8_t)item->valuestring[len] & 0xc0) == 0x80; len--)
            ;
    memcpy(out, item->valuestring, len);
    out[len] = '\0';
}

const cJSON *body_array(struct body *b, const char *member)
{
    const cJSON *item = find(b, member);
    if (cJSON_IsArray(item))
        return item;
    body_fail(b, SHOAL_E_BAD_REPLY, member, item ? "not an array" : "missing");
    return NULL;
}

const cJSON *body_object(struct body *b, const char *member)
{
    const cJSON *item = find(b, member);
    if (cJSON_IsObject(item))
        return item;
    body_fail(b, SHOAL_E_BAD_REPLY, member, item ? "not an object" : "missing");
    return NULL;
}
