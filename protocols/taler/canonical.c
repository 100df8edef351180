/* Canonical JSON (RFC 8785) and the contract's hash over it. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "protocols/taler/base32.h"
#include "protocols/taler/hash.h"

static void put_string(struct buf *out, const char *text)
{
    static const char shorts[] = "\b\t\n\f\r\"\\", names[] = "btnfr\"\\";
    buf_char(out, '"');
    for (const char *p = text; *p; p++) {
        const char *found = strchr(shorts, *p);
        if (found) {
            buf_char(out, '\\');
            buf_char(out, names[found - shorts]);
        } else if ((unsigned char)*p < 0x20) {
            buf_printf(out, "\\u%04x", (unsigned)*p);
        } else {
            buf_char(out, *p);
        }
    }
    buf_char(out, '"');
}

/* ECMAScript's Number::toString, which RFC 8785 prescribes: the shortest digits that read back to
 * the same double, with an exponent only outside 1e-7 .. 1e21. */
static void put_number(struct buf *out, double value)
{
    char text[40], digits[24];
    int precision = 0;
    if (value == 0) {
        buf_char(out, '0');
        return;
    }
    if (!isfinite(value)) { /* beyond a double: the RFC has no form for it */
        out->error = SHOAL_E_BAD_INPUT;
        return;
    }
    do {
        snprintf(text, sizeof(text), "%.*e", precision, fabs(value));
    } while (strtod(text, NULL) != fabs(value) && ++precision < 17);

    int exponent = atoi(strchr(text, 'e') + 1), n = 0;
    for (const char *p = text; *p != 'e'; p++)
        if (*p != '.')
            digits[n++] = *p;
    digits[n] = '\0';
    if (value < 0)
        buf_char(out, '-');
    if (exponent >= 0 && exponent < 21) {
        for (int i = 0; i <= exponent || i < n; i++) {
            if (i == exponent + 1)
                buf_char(out, '.');
            buf_char(out, i < n ? digits[i] : (char)'0');
        }
    } else if (exponent < 0 && exponent >= -6) {
        buf_str(out, "0.");
        for (int i = -1; i > exponent; i--)
            buf_char(out, '0');
        buf_str(out, digits);
    } else {
        buf_char(out, digits[0]);
        if (n > 1)
            buf_printf(out, ".%s", digits + 1);
        buf_printf(out, "e%+d", exponent);
    }
}

/* Keys sort by UTF-16 code units. UTF-8 sorts the same but for characters beyond U+FFFF (lead bytes
 * from 0xf0), whose surrogates come before U+E000 (lead byte 0xee). */
static int utf16_rank(unsigned char c)
{
    return c >= 0xf0 ? 0x2ed0 + (c - 0xf0) : c >= 0xee ? 0x2f00 + c : c == 0 ? -1 : 0x20 * c;
}

static int compare_keys(const void *a, const void *b)
{
    const char *x = (*(const cJSON *const *)a)->string, *y = (*(const cJSON *const *)b)->string;
    while (*x && *x == *y)
        x++, y++;
    return utf16_rank((unsigned char)*x) - utf16_rank((unsigned char)*y);
}

static void put_object(struct buf *out, const cJSON *object)
{
    int count = cJSON_GetArraySize(object), n = 0;
    const cJSON **sorted = malloc(sizeof(*sorted) * (size_t)(count + 1));
    const cJSON *item;
    if (!sorted) {
        out->error = SHOAL_E_NOMEM;
        return;
    }
    cJSON_ArrayForEach(item, object)
    {
        sorted[n++] = item;
    }
    qsort(sorted, (size_t)n, sizeof(*sorted), compare_keys);
    buf_char(out, '{');
    for (int i = 0; i < n; i++) {
        if (i > 0)
            buf_char(out, ',');
        put_string(out, sorted[i]->string);
        buf_char(out, ':');
        taler_canonical_json(out, sorted[i]);
    }
    buf_char(out, '}');
    free(sorted);
}

void taler_canonical_json(struct buf *out, const cJSON *value)
{
    const cJSON *item;
    if (cJSON_IsObject(value)) {
        put_object(out, value);
    } else if (cJSON_IsArray(value)) {
        buf_char(out, '[');
        cJSON_ArrayForEach(item, value)
        {
            if (item->prev && item != value->child)
                buf_char(out, ',');
            taler_canonical_json(out, item);
        }
        buf_char(out, ']');
    } else if (cJSON_IsString(value)) {
        put_string(out, value->valuestring);
    } else if (cJSON_IsNumber(value)) {
        put_number(out, value->valuedouble);
    } else {
        buf_str(out, cJSON_IsTrue(value) ? "true" : cJSON_IsFalse(value) ? "false" : "null");
    }
}

/* SHA-512 over canonical JSON and its NUL; with a salt KDF(64, salt with its NUL, the same). */
static int hash_json(struct taler_hash *out, const cJSON *value, const char *salt)
{
    struct buf text = {0};
    taler_canonical_json(&text, value);
    buf_char(&text, '\0');
    int error = text.error;
    if (error == 0 && salt)
        taler_kdf(out->bytes, sizeof(out->bytes),
                  &(struct taler_kdf){.salt = slice_of(salt, strlen(salt) + 1),
                                      .secret = slice_of(text.data, text.len)});
    else if (error == 0)
        taler_sha512(out, &(struct slice){text.data, text.len}, 1);
    buf_free(&text);
    return error;
}

static int forget(cJSON *value);

/* The members that keep the books of forgetting; they cannot be forgotten themselves. */
static bool is_bookkeeping(const char *name)
{
    return name && (strcmp(name, "$forgettable") == 0 || strcmp(name, "$forgotten") == 0);
}

/* Replaces the members that $forgettable names by their salted hashes under $forgotten. */
static int forget_members(cJSON *object)
{
    cJSON *named = cJSON_DetachItemFromObjectCaseSensitive(object, "$forgettable");
    cJSON *forgotten = cJSON_GetObjectItemCaseSensitive(object, "$forgotten");
    const cJSON *entry;
    int error = 0;
    if (!named)
        return 0;
    if (!cJSON_IsObject(named) || (forgotten && !cJSON_IsObject(forgotten)))
        error = SHOAL_E_BAD_INPUT;
    if (error == 0 && !forgotten)
        forgotten = cJSON_AddObjectToObject(object, "$forgotten");
    cJSON_ArrayForEach(entry, named)
    {
        if (is_bookkeeping(entry->string))
            error = SHOAL_E_BAD_INPUT;
        if (error)
            break;
        cJSON *member = cJSON_DetachItemFromObjectCaseSensitive(object, entry->string);
        struct taler_hash h;
        char text[TALER_HASH_TEXT_MAX];
        if (!member)
            continue; /* forgotten before: its hash is in $forgotten already */
        error =
            cJSON_IsString(entry) ? hash_json(&h, member, entry->valuestring) : SHOAL_E_BAD_INPUT;
        cJSON_Delete(member);
        if (error)
            continue;
        taler_b32_encode(text, sizeof(text), h.bytes, sizeof(h.bytes));
        if (!cJSON_AddStringToObject(forgotten, entry->string, text))
            error = SHOAL_E_NOMEM;
    }
    cJSON_Delete(named);
    return error;
}

/* Inside out: what is forgotten is hashed with its own forgettable parts already replaced. */
static int forget(cJSON *value)
{
    cJSON *item;
    int error = 0;
    cJSON_ArrayForEach(item, value)
    {
        if ((cJSON_IsObject(item) || cJSON_IsArray(item)) && !is_bookkeeping(item->string))
            error = forget(item);
        if (error)
            return error;
    }
    return cJSON_IsObject(value) ? forget_members(value) : 0;
}

int taler_hash_contract(struct taler_hash *out, const cJSON *terms)
{
    if (!cJSON_IsObject(terms))
        return SHOAL_E_BAD_INPUT;
    cJSON *copy = cJSON_Duplicate(terms, true);
    if (!copy)
        return SHOAL_E_NOMEM;
    int error = forget(copy);
    if (error == 0)
        error = hash_json(out, copy, NULL);
    cJSON_Delete(copy);
    return error;
}
