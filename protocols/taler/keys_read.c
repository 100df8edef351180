/* From the text of /keys to a verified keyset. */
#include <stdio.h>
#include <stdlib.h>

#include "protocols/taler/hash.h"
#include "protocols/taler/keys.h"
#include "protocols/taler/wire_body.h"

#define CS_PUB_SIZE 32

static const char age_suffix[] = "+age_restricted";

static void fail_at(struct body *b, int error, const char *what, size_t index, const char *why)
{
    char name[48];
    snprintf(name, sizeof(name), "%s %zu", what, index);
    body_fail(b, error, name, why);
}

/* "RSA", "CS", each also with "+age_restricted". */
static void read_cipher(struct body *b, struct taler_denom *d, bool *restricted)
{
    char text[40];
    body_text(b, "cipher", text, sizeof(text));
    char *plus = strchr(text, '+');
    *restricted = plus && strcmp(plus, age_suffix) == 0;
    if (*restricted)
        *plus = '\0';
    if (strcmp(text, "RSA") == 0)
        d->cipher = TALER_CIPHER_RSA;
    else if (strcmp(text, "CS") == 0)
        d->cipher = TALER_CIPHER_CS;
    else
        body_fail(b, SHOAL_E_BAD_REPLY, "cipher", "not one we know");
}

static void read_age_mask(struct body *b, struct taler_denom *d)
{
    uint64_t mask;
    body_u64(b, "age_mask", &mask);
    if (mask > UINT32_MAX)
        body_fail(b, SHOAL_E_BAD_REPLY, "age_mask", "more than 32 bits");
    d->age_mask = (uint32_t)mask;
}

/* Value and fees: of a group, or of a flat denomination. */
static void read_amounts(struct body *b, struct taler_denom *d, const char *currency)
{
    struct taler_amount *all[] = {&d->value, &d->fee_withdraw, &d->fee_deposit, &d->fee_refresh,
                                  &d->fee_refund};
    static const char *const names[] = {"value", "fee_withdraw", "fee_deposit", "fee_refresh",
                                        "fee_refund"};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        body_amount(b, names[i], all[i]);
        if (strcmp(all[i]->currency, currency) != 0)
            body_fail(b, SHOAL_E_BAD_REPLY, names[i], "not in the exchange's currency");
    }
    if (!b->error && taler_amount_add(&d->cost, &d->value, &d->fee_withdraw))
        body_fail(b, SHOAL_E_BAD_REPLY, "value", "too large with its fee");
}

static void read_stamps(struct body *b, struct taler_denom *d)
{
    BODY_BYTES(b, "master_sig", &d->master_sig);
    body_time(b, "stamp_start", &d->start_s);
    body_time(b, "stamp_expire_withdraw", &d->expire_withdraw_s);
    body_time(b, "stamp_expire_deposit", &d->expire_deposit_s);
    body_time(b, "stamp_expire_legal", &d->expire_legal_s);
    d->lost = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(b->at, "lost"));
}

/* The public key, under either of its names, and the denomination's hash. */
static void read_key(struct body *b, struct taler_denom *d, bool keep)
{
    uint8_t encoded[TALER_RSA_ENCODED_MAX];
    size_t len;
    if (d->cipher == TALER_CIPHER_RSA) {
        len = body_bytes_up_to(b, body_has(b, "rsa_pub") ? "rsa_pub" : "rsa_public_key", encoded,
                               sizeof(encoded));
    } else {
        len = CS_PUB_SIZE;
        body_bytes(b, body_has(b, "cs_pub") ? "cs_pub" : "cs_public_key", encoded, CS_PUB_SIZE);
    }
    if (b->error)
        return;
    taler_hash_denom(&d->hash, d->cipher, d->age_mask, slice_of(encoded, len));
    if (keep && d->cipher == TALER_CIPHER_RSA)
        d->rsa = taler_rsa_public_new(slice_of(encoded, len));
    d->selectable = d->rsa && d->age_mask == 0 && !d->lost && !taler_amount_is_zero(&d->value);
}

static void read_group(struct body *b, struct taler_keyset *k, const cJSON *group)
{
    struct taler_denom common = {0};
    bool restricted = false;
    const cJSON *item, *before = body_enter(b, group);
    read_cipher(b, &common, &restricted);
    read_amounts(b, &common, k->currency);
    if (restricted)
        read_age_mask(b, &common);
    const cJSON *list = body_array(b, "denoms");
    cJSON_ArrayForEach(item, list)
    {
        struct taler_denom *d = &k->denoms[k->denom_count++];
        *d = common;
        body_enter(b, item);
        read_stamps(b, d);
        read_key(b, d, true);
        if (b->error)
            break;
    }
    b->at = before;
}

static void read_flat(struct body *b, struct taler_denom *d, const cJSON *item,
                      const char *currency, bool keep)
{
    bool restricted;
    const cJSON *before = body_enter(b, item);
    read_amounts(b, d, currency);
    read_stamps(b, d);
    body_enter(b, body_object(b, "denom_pub"));
    read_cipher(b, d, &restricted);
    read_age_mask(b, d);
    read_key(b, d, keep);
    b->at = before;
}

/* Room for all denominations, counted before any is read. */
static void make_room(struct body *b, struct taler_keyset *k, const cJSON *groups,
                      const cJSON *flat)
{
    size_t count = groups ? 0 : (size_t)cJSON_GetArraySize(flat);
    const cJSON *group;
    cJSON_ArrayForEach(group, groups)
    {
        const cJSON *list = cJSON_GetObjectItemCaseSensitive(group, "denoms");
        count += cJSON_IsArray(list) ? (size_t)cJSON_GetArraySize(list) : 0;
    }
    if (count > TALER_DENOMS_MAX)
        body_fail(b, SHOAL_E_LIMIT, "denominations", "more than we take");
    if (b->error)
        return;
    k->denoms = calloc(count + 1, sizeof(*k->denoms));
    k->by_hash = calloc(count + 1, sizeof(*k->by_hash));
    k->by_value = calloc(count + 1, sizeof(*k->by_value));
    if (!k->denoms || !k->by_hash || !k->by_value)
        body_fail(b, SHOAL_E_NOMEM, "denominations", "no memory");
}

static int order_by_hash(const void *a, const void *b, void *keyset)
{
    const struct taler_keyset *k = keyset;
    const struct taler_denom *x = &k->denoms[*(const uint32_t *)a];
    const struct taler_denom *y = &k->denoms[*(const uint32_t *)b];
    return memcmp(x->hash.bytes, y->hash.bytes, sizeof(x->hash.bytes));
}

static int order_by_value(const void *a, const void *b, void *keyset)
{
    const struct taler_keyset *k = keyset;
    const struct taler_denom *x = &k->denoms[*(const uint32_t *)a];
    const struct taler_denom *y = &k->denoms[*(const uint32_t *)b];
    int order = taler_amount_cmp(&y->value, &x->value);
    if (order == 0)
        order = taler_amount_cmp(&x->fee_withdraw, &y->fee_withdraw);
    if (order == 0)
        order = (x->expire_withdraw_s < y->expire_withdraw_s) -
                (x->expire_withdraw_s > y->expire_withdraw_s);
    return order ? order : (x > y) - (x < y);
}

static void build_indexes(struct body *b, struct taler_keyset *k)
{
    if (b->error)
        return;
    for (size_t i = 0; i < k->denom_count; i++) {
        k->by_hash[i] = (uint32_t)i;
        if (k->denoms[i].selectable)
            k->by_value[k->by_value_count++] = (uint32_t)i;
    }
    qsort_r(k->by_hash, k->denom_count, sizeof(*k->by_hash), order_by_hash, k);
    qsort_r(k->by_value, k->by_value_count, sizeof(*k->by_value), order_by_value, k);
    for (size_t i = 1; i < k->denom_count; i++)
        if (order_by_hash(&k->by_hash[i - 1], &k->by_hash[i], k) == 0)
            fail_at(b, SHOAL_E_BAD_REPLY, "denomination", k->by_hash[i], "listed twice");
}

static bool same_denom(const struct taler_denom *a, const struct taler_denom *b)
{
    return taler_equal(&a->master_sig, &b->master_sig) && a->start_s == b->start_s &&
           a->expire_withdraw_s == b->expire_withdraw_s &&
           a->expire_deposit_s == b->expire_deposit_s && a->expire_legal_s == b->expire_legal_s &&
           taler_amount_cmp(&a->value, &b->value) == 0 &&
           taler_amount_cmp(&a->fee_withdraw, &b->fee_withdraw) == 0 &&
           taler_amount_cmp(&a->fee_deposit, &b->fee_deposit) == 0 &&
           taler_amount_cmp(&a->fee_refresh, &b->fee_refresh) == 0 &&
           taler_amount_cmp(&a->fee_refund, &b->fee_refund) == 0;
}

/* The flat list repeats the groups for old clients: it must not say anything else. */
static void compare_flat(struct body *b, const struct taler_keyset *k, const cJSON *flat)
{
    const cJSON *item;
    size_t index = 0;
    cJSON_ArrayForEach(item, flat)
    {
        struct taler_denom d = {0};
        read_flat(b, &d, item, k->currency, false);
        if (b->error)
            return;
        const struct taler_denom *grouped = taler_keyset_denom(k, &d.hash);
        if (!grouped || !same_denom(grouped, &d))
            fail_at(b, SHOAL_E_BAD_REPLY, "denoms", index, "not what denominations says");
        index++;
    }
}

static void read_denoms(struct body *b, struct taler_keyset *k)
{
    const cJSON *item;
    const cJSON *groups = body_has(b, "denominations") ? body_array(b, "denominations") : NULL;
    const cJSON *flat = !groups || body_has(b, "denoms") ? body_array(b, "denoms") : NULL;
    make_room(b, k, groups, flat);
    if (b->error)
        return;
    cJSON_ArrayForEach(item, groups)
    {
        read_group(b, k, item);
    }
    if (!groups) {
        cJSON_ArrayForEach(item, flat)
        {
            read_flat(b, &k->denoms[k->denom_count++], item, k->currency, true);
        }
    }
    build_indexes(b, k);
    if (groups && flat && !b->error)
        compare_flat(b, k, flat);
}

static void verify_denoms(struct body *b, const struct taler_keyset *k)
{
    for (size_t i = 0; i < k->denom_count && !b->error; i++) {
        const struct taler_denom *d = &k->denoms[i];
        const struct taler_statement s = {
            .layout = TALER_DENOM,
            .denom = {.master = k->master,
                      .start_s = d->start_s,
                      .expire_withdraw_s = d->expire_withdraw_s,
                      .expire_deposit_s = d->expire_deposit_s,
                      .expire_legal_s = d->expire_legal_s,
                      .value = d->value,
                      .fee_withdraw = d->fee_withdraw,
                      .fee_deposit = d->fee_deposit,
                      .fee_refresh = d->fee_refresh,
                      .fee_refund = d->fee_refund,
                      .h_denom = d->hash},
        };
        if (!taler_verify(&d->master_sig, &k->master, &s))
            fail_at(b, SHOAL_E_BAD_SIGNATURE, "denomination", i, "master_sig does not verify");
    }
}

static void read_signkeys(struct body *b, struct taler_keyset *k)
{
    const cJSON *item, *list = body_array(b, "signkeys"), *before = b->at;
    int count = cJSON_GetArraySize(list);
    if (count > TALER_SIGNKEYS_MAX)
        body_fail(b, SHOAL_E_LIMIT, "signkeys", "more than we take");
    if (b->error)
        return;
    k->signkeys = calloc((size_t)count + 1, sizeof(*k->signkeys));
    if (!k->signkeys) {
        body_fail(b, SHOAL_E_NOMEM, "signkeys", "no memory");
        return;
    }
    cJSON_ArrayForEach(item, list)
    {
        struct taler_signkey *s = &k->signkeys[k->signkey_count];
        body_enter(b, item);
        BODY_BYTES(b, "key", &s->key);
        BODY_BYTES(b, "master_sig", &s->master_sig);
        body_time(b, "stamp_start", &s->start_s);
        body_time(b, "stamp_expire", &s->expire_s);
        body_time(b, "stamp_end", &s->end_s);
        const struct taler_statement said = {
            .layout = TALER_SIGNKEY,
            .signkey = {.start_s = s->start_s,
                        .expire_s = s->expire_s,
                        .end_s = s->end_s,
                        .key = s->key},
        };
        if (!b->error && !taler_verify(&s->master_sig, &k->master, &said))
            fail_at(b, SHOAL_E_BAD_SIGNATURE, "signkey", k->signkey_count,
                    "master_sig does not verify");
        k->signkey_count++;
    }
    b->at = before;
}

static void hash_master_sigs(struct body *b, struct taler_hash *out, const struct taler_keyset *k)
{
    struct slice *parts = calloc(k->denom_count + 1, sizeof(*parts));
    if (!parts) {
        body_fail(b, SHOAL_E_NOMEM, "denominations", "no memory");
        return;
    }
    for (size_t i = 0; i < k->denom_count; i++)
        parts[i] = slice_of(k->denoms[i].master_sig.bytes, TALER_SIG_SIZE);
    taler_sha512(out, parts, k->denom_count);
    free(parts);
}

static void xor_hashes(struct taler_hash *out, const struct taler_keyset *k)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < k->denom_count; i++)
        for (size_t j = 0; j < sizeof(out->bytes); j++)
            out->bytes[j] ^= k->denoms[i].hash.bytes[j];
}

/* The online key's signature over the whole set, of the kind that is there; within protocol 17 it
 * may be either. */
static void verify_set(struct body *b, struct taler_keyset *k)
{
    struct taler_statement s = {.layout = TALER_KEYSET, .keyset.list_issue_s = k->list_issue_s};
    struct taler_pub signer;
    struct taler_sig sig;
    enum taler_variant kind = k->protocol->keyset;
    if (kind == TALER_BY_REPLY)
        kind = body_has(b, "denominations_sig") ? TALER_OLD : TALER_NEW;
    if (kind == TALER_OLD) {
        BODY_BYTES(b, "denominations_sig", &sig);
        BODY_BYTES(b, body_has(b, "eddsa_pub") ? "eddsa_pub" : "exchange_pub", &signer);
        xor_hashes(&s.keyset.hash, k);
    } else {
        BODY_BYTES(b, "exchange_sig", &sig);
        BODY_BYTES(b, "exchange_pub", &signer);
        hash_master_sigs(b, &s.keyset.hash, k);
    }
    k->signature = kind;
    if (b->error)
        return;
    bool known = false;
    for (size_t i = 0; i < k->signkey_count && !known; i++)
        known = taler_equal(&k->signkeys[i].key, &signer);
    if (!known)
        body_fail(b, SHOAL_E_BAD_SIGNATURE, "key set", "signed by a key that is not in signkeys");
    else if (!taler_verify(&sig, &signer, &s))
        body_fail(b, SHOAL_E_BAD_SIGNATURE, "key set", "its signature does not verify");
}

static void read_wire(struct body *b, struct taler_keyset *k)
{
    if (b->error || !k->protocol->wire_in_keys || !body_has(b, "accounts"))
        return;
    k->wire = calloc(1, sizeof(*k->wire));
    if (!k->wire) {
        body_fail(b, SHOAL_E_NOMEM, "accounts", "no memory");
        return;
    }
    k->wire->master = k->master;
    read_accounts(b, k->wire);
    if (body_has(b, "wire_fees"))
        read_wire_fees(b, "wire_fees", k->wire);
    for (size_t i = 0; i < k->wire->account_count && !b->error; i++) {
        const struct taler_account *a = &k->wire->accounts[i];
        if (!a->restricted && !taler_account_verify(a, &k->master, k->protocol))
            fail_at(b, SHOAL_E_BAD_SIGNATURE, "account", i, "master_sig does not verify");
    }
}

static void read_head(struct body *b, struct taler_keyset *k, const struct taler_pub *master)
{
    char version[32], why[TALER_WHY_MAX];
    body_text(b, "version", version, sizeof(version));
    if (b->error)
        return;
    k->protocol = taler_protocol_for(version, why);
    if (taler_version_parse(&k->version, version))
        body_fail(b, SHOAL_E_BAD_REPLY, "version", why);
    else if (!k->protocol)
        body_fail(b, SHOAL_E_UNSUPPORTED, "version", why);
    struct taler_amount zero;
    body_text(b, "currency", k->currency, sizeof(k->currency));
    if (!b->error && taler_amount_zero(&zero, k->currency))
        body_fail(b, SHOAL_E_BAD_REPLY, "currency", "not a currency");
    body_text_cut(b, "base_url", k->base_url, sizeof(k->base_url));
    BODY_BYTES(b, "master_public_key", &k->master);
    body_time(b, "list_issue_date", &k->list_issue_s);
    if (!b->error && master && !taler_equal(master, &k->master))
        body_fail(b, SHOAL_E_BAD_SIGNATURE, "master_public_key", "not the one that was expected");
}

int taler_keyset_read(struct taler_keyset **out, struct slice text, const struct taler_pub *master,
                      struct taler_fault *fault)
{
    struct body b;
    struct taler_keyset *k = calloc(1, sizeof(*k));
    *out = NULL;
    if (!k)
        return SHOAL_E_NOMEM;
    body_open(&b, text, fault);
    read_head(&b, k, master);
    if (!b.error)
        read_signkeys(&b, k);
    if (!b.error)
        read_denoms(&b, k);
    verify_denoms(&b, k);
    if (!b.error)
        verify_set(&b, k);
    read_wire(&b, k);
    int error = body_close(&b);
    if (error)
        taler_keyset_free(k);
    else
        *out = k;
    return error;
}
