#include "simulators/taler/standin_keys.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/util/json.h"
#include "core/util/log.h"
#include "core/util/random.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/hash.h"
#include "protocols/taler/keys_write.h"
#include "simulators/taler/standin_generate.h"
#include "simulators/taler/standin_keys_file.h"

#define HOUR_S UINT64_C(3600)
#define DAY_S (24 * HOUR_S)
#define YEAR_S (365 * DAY_S)
#define WITHDRAW_S (30 * DAY_S)
#define DEPOSIT_S (2 * YEAR_S)
#define LEGAL_S (10 * YEAR_S)
#define CLOSING_US (UINT64_C(28) * DAY_S * 1000000)
/* Ages 8, 10, 12, 14, 16, 18 and 21, and bit 0, as upstream's configuration has them. */
#define AGE_MASK                                                                              \
    ((1u << 0) | (1u << 8) | (1u << 10) | (1u << 12) | (1u << 14) | (1u << 16) | (1u << 18) | \
     (1u << 21))
#define ACCOUNT "payto://x-taler-bank/localhost/exchange?receiver-name=exchange"
#define METHOD "x-taler-bank"

/* --- what is offered ---------------------------------------------------------------------------
 */

struct fees {
    struct taler_amount withdraw, deposit, refresh, refund;
};

static int parse_fees(struct fees *f, const struct standin_options *o)
{
    int error = taler_amount_parse(&f->withdraw, o->fee_withdraw);
    error = error ? error : taler_amount_parse(&f->deposit, o->fee_deposit);
    error = error ? error : taler_amount_parse(&f->refresh, o->fee_refresh);
    return error ? error : taler_amount_parse(&f->refund, o->fee_refund);
}

static struct taler_amount least(const struct taler_amount *a, const struct taler_amount *b)
{
    return taler_amount_cmp(a, b) <= 0 ? *a : *b;
}

/* A coin must be worth more than it costs to get and to spend it. */
static void set_fees(struct taler_denom_offer *d, const struct fees *fees)
{
    struct taler_amount none;
    (void)taler_amount_zero(&none, d->value.currency);
    d->fee_withdraw = taler_amount_cmp(&fees->withdraw, &d->value) < 0 ? fees->withdraw : none;
    d->fee_deposit = taler_amount_cmp(&fees->deposit, &d->value) < 0 ? fees->deposit : none;
    d->fee_refresh = least(&fees->refresh, &d->value);
    d->fee_refund = least(&fees->refund, &d->value);
}

/* Key `index` of `count`: the last one is age-restricted, the one before it not yet valid. */
static void set_times(struct taler_denom_offer *d, uint64_t created_s, int64_t index, int64_t count)
{
    bool aged = count >= 3 && index == count - 1;
    bool future = count >= 2 && index == (count == 2 ? 1 : count - 2);
    d->age_mask = aged ? AGE_MASK : 0;
    d->start_s = future ? created_s + WITHDRAW_S - DAY_S
                        : created_s - HOUR_S * (1 + (uint64_t)(aged ? 0 : index));
    d->expire_withdraw_s = d->start_s + WITHDRAW_S;
    d->expire_deposit_s = d->start_s + DEPOSIT_S;
    d->expire_legal_s = d->start_s + LEGAL_S;
}

static int make_offers(struct taler_denom_offer *offers, struct standin_keys *k,
                       const struct standin_options *o, const char **why)
{
    struct fees fees;
    if (parse_fees(&fees, o)) {
        *why = "a fee is no amount; write one such as EUR:0.01";
        return SHOAL_E_BAD_INPUT;
    }
    size_t n = 0;
    for (size_t i = 0; i < o->denominations.count; i++) {
        struct taler_amount value;
        if (taler_amount_parse(&value, o->denominations.items[i]) || taler_amount_is_zero(&value)) {
            *why = "a denomination is no amount above zero; write one such as EUR:0.01";
            return SHOAL_E_BAD_INPUT;
        }
        if (!taler_amount_same_currency(&value, &fees.withdraw) ||
            !taler_amount_same_currency(&value, &fees.deposit) ||
            !taler_amount_same_currency(&value, &fees.refresh) ||
            !taler_amount_same_currency(&value, &fees.refund)) {
            *why = "denominations and fees are not all in one currency";
            return SHOAL_E_BAD_INPUT;
        }
        memcpy(k->currency, value.currency, sizeof k->currency);
        for (int64_t key = 0; key < o->keys; key++) {
            struct taler_denom_offer *d = &offers[n];
            *d = (struct taler_denom_offer){.cipher = TALER_CIPHER_RSA, .value = value};
            d->encoded_pub = taler_rsa_private_encoded_public(k->rsa[n]);
            set_fees(d, &fees);
            set_times(d, k->created_s, key, o->keys);
            n++;
        }
    }
    return SHOAL_OK;
}

/* --- the account -------------------------------------------------------------------------------
 */

/* One account, and the fees of a year around its keys. */
static void make_wire(struct standin_keys *k, const struct standin_keys_source *source)
{
    struct taler_wire *w = &k->wire;
    *w = (struct taler_wire){.master = k->master.pub, .account_count = 1, .fee_count = 1};
    memcpy(w->accounts[0].payto_uri, ACCOUNT, sizeof ACCOUNT);
    taler_account_sign(&w->accounts[0], &k->master, source->protocol);
    struct taler_wire_fee *fee = &w->fees[0];
    memcpy(fee->method, METHOD, sizeof METHOD);
    (void)taler_amount_parse(&fee->wire_fee, source->options->fee_deposit);
    (void)taler_amount_parse(&fee->closing_fee, source->options->fee_withdraw);
    fee->start_s = k->created_s - DAY_S;
    fee->end_s = k->created_s + YEAR_S;
    taler_wire_fee_sign(fee, &k->master);
}

/* --- the body ----------------------------------------------------------------------------------
 */

static int write_body(struct standin_keys *k, const struct standin_keys_source *source,
                      const struct taler_key *signkey, struct buf *out, const char **why)
{
    struct taler_denom_offer *offers = calloc(k->rsa_count, sizeof *offers);
    if (!offers)
        return SHOAL_E_NOMEM;
    int error = make_offers(offers, k, source->options, why);
    struct taler_keys_source s = {.protocol = source->protocol,
                                  .base_url = source->base_url,
                                  .currency = k->currency,
                                  .master = &k->master,
                                  .signkey = signkey,
                                  .signkey_start_s = k->created_s - HOUR_S,
                                  .signkey_expire_s = k->created_s + WITHDRAW_S + WITHDRAW_S,
                                  .signkey_end_s = k->created_s + LEGAL_S,
                                  .list_issue_s = k->created_s,
                                  .reserve_closing_delay_us = CLOSING_US,
                                  .denoms = offers,
                                  .denom_count = k->rsa_count,
                                  .wire = &k->wire};
    char base_url[256];
    snprintf(base_url, sizeof base_url, "%s/", source->base_url);
    s.base_url = base_url;
    if (!error)
        make_wire(k, source);
    error = error ? error : taler_keys_write(out, &s);
    free(offers);
    return error;
}

static void set_etag(struct standin_keys *k)
{
    struct taler_hash hash;
    const struct slice body = buf_slice(&k->body);
    taler_sha512(&hash, &body, 1);
    char text[TALER_B32_LEN(10) + 1];
    taler_b32_encode(text, sizeof text, hash.bytes, 10);
    snprintf(k->etag, sizeof k->etag, "\"%s\"", text);
}

/* Reads the body as a wallet does, and finds each denomination's private key. */
static int read_back(struct standin_keys *k, const char **why)
{
    struct taler_fault fault;
    int error = taler_keyset_read(&k->set, buf_slice(&k->body), &k->master.pub, &fault);
    if (error) {
        log_line("GET /keys: %s", fault.text);
        *why = "its own key set does not verify";
        return error;
    }
    assert(k->set->denom_count == k->rsa_count);
    k->by_denom = calloc(k->rsa_count, sizeof *k->by_denom);
    if (!k->by_denom)
        return SHOAL_E_NOMEM;
    for (size_t i = 0; i < k->set->denom_count; i++) {
        struct slice wanted = taler_rsa_public_encoded(k->set->denoms[i].rsa);
        for (size_t n = 0; n < k->rsa_count && !k->by_denom[i]; n++)
            if (slice_equal(wanted, taler_rsa_private_encoded_public(k->rsa[n])))
                k->by_denom[i] = k->rsa[n];
        assert(k->by_denom[i]);
    }
    return SHOAL_OK;
}

/* --- made or kept ------------------------------------------------------------------------------
 */

static unsigned processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (unsigned)count;
}

static int make_keys(struct standin_keys *k, const struct standin_keys_source *source)
{
    k->created_s = source->now_s;
    uint8_t seed[TALER_SEED_SIZE];
    random_bytes(seed, sizeof seed);
    taler_key_from_seed(&k->master, seed);
    random_bytes(seed, sizeof seed);
    taler_key_from_seed(&k->signkey, seed);
    taler_wipe(seed, sizeof seed);
    return taler_rsa_private_generate_many(k->rsa, k->rsa_count,
                                           (unsigned)source->options->rsa_bits, processors());
}

/* What the keys were made for; kept keys serve nothing else. */
static void describe_keys(struct buf *out, const struct standin_options *o)
{
    buf_printf(out, "%lld keys of %lld bits for", (long long)o->keys, (long long)o->rsa_bits);
    for (size_t i = 0; i < o->denominations.count; i++)
        buf_printf(out, " %s", o->denominations.items[i]);
}

static int make_or_load(struct standin_keys *k, const struct standin_keys_source *source,
                        const char **why)
{
    struct buf purpose = {0};
    describe_keys(&purpose, source->options);
    struct standin_keys_file file = {.folder = source->folder,
                                     .purpose = (const char *)purpose.data};
    int error = source->folder ? standin_keys_load(k, &file, why) : SHOAL_E_NOT_FOUND;
    if (error == SHOAL_E_NOT_FOUND) {
        error = make_keys(k, source);
        *why = "its keys could not be made";
        if (!error && source->folder)
            error = standin_keys_save(k, &file, why);
    } else if (!error && source->now_s >= k->created_s + WITHDRAW_S - HOUR_S) {
        *why = "the keys in its folder have expired; use another folder";
        error = SHOAL_E_CORRUPT;
    }
    buf_free(&purpose);
    return error;
}

int standin_keys_open(struct standin_keys *k, const struct standin_keys_source *source,
                      const char **why)
{
    *k = (struct standin_keys){0};
    *why = "no memory for its keys";
    k->rsa_count = source->options->denominations.count * (size_t)source->options->keys;
    k->rsa = calloc(k->rsa_count, sizeof(struct taler_rsa_private *));
    int error = k->rsa ? make_or_load(k, source, why) : SHOAL_E_NOMEM;
    error = error ? error : write_body(k, source, &k->signkey, &k->body, why);
    error = error ? error : read_back(k, why);
    if (error) {
        standin_keys_close(k);
        return error;
    }
    set_etag(k);
    return SHOAL_OK;
}

void standin_keys_close(struct standin_keys *k)
{
    taler_keyset_free(k->set);
    for (size_t i = 0; k->rsa && i < k->rsa_count; i++)
        taler_rsa_private_free(k->rsa[i]);
    free(k->rsa);
    free(k->by_denom);
    buf_free(&k->body);
    taler_wipe(k, sizeof *k);
}

size_t standin_keys_find(const struct standin_keys *k, const struct taler_hash *h_denom)
{
    const struct taler_denom *denom = taler_keyset_denom(k->set, h_denom);
    return denom ? (size_t)(denom - k->set->denoms) : SIZE_MAX;
}

/* --- lies --------------------------------------------------------------------------------------
 */

/* Another first character: still base32 of the same length. */
static void spoil(cJSON *text)
{
    if (cJSON_IsString(text))
        text->valuestring[0] = text->valuestring[0] == '0' ? '1' : '0';
}

static void spoil_first(cJSON *root, const char *list, const char *member)
{
    spoil(cJSON_GetObjectItemCaseSensitive(
        cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, list), 0), member));
}

static void spoil_denomination(cJSON *root)
{
    cJSON *group = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(root, "denominations"), 0);
    spoil_first(group, "denoms", "master_sig");
    spoil_first(root, "denoms", "master_sig");
}

/* The members that say who signed the set, and the signatures. */
static const char *const set_members[] = {"exchange_sig", "denominations_sig", "eddsa_sig",
                                          "exchange_pub", "eddsa_pub"};

/* Takes them from a set that another key has signed, so that its signer is not in the list. */
static int sign_by_stranger(cJSON *root, struct standin_keys *k,
                            const struct standin_keys_source *source)
{
    uint8_t seed[TALER_SEED_SIZE];
    struct taler_key stranger;
    random_bytes(seed, sizeof seed);
    taler_key_from_seed(&stranger, seed);
    struct buf body = {0};
    const char *why;
    cJSON *other = NULL;
    int error = write_body(k, source, &stranger, &body, &why);
    error = error ? error : json_parse(&other, buf_slice(&body), NULL);
    for (size_t i = 0; !error && i < sizeof set_members / sizeof set_members[0]; i++) {
        cJSON *theirs = cJSON_DetachItemFromObjectCaseSensitive(other, set_members[i]);
        if (theirs)
            cJSON_ReplaceItemInObjectCaseSensitive(root, set_members[i], theirs);
    }
    cJSON_Delete(other);
    buf_free(&body);
    return error;
}

int standin_keys_lie(struct standin_keys *k, const struct standin_keys_source *source,
                     enum standin_lie lie)
{
    if (lie != LIE_KEYS_SIGNATURE && lie != LIE_DENOMINATION_SIGNATURE &&
        lie != LIE_SIGNKEY_SIGNATURE && lie != LIE_WRONG_KEYSET)
        return SHOAL_OK;
    cJSON *root;
    int error = json_parse(&root, buf_slice(&k->body), NULL);
    if (error)
        return error;
    if (lie == LIE_DENOMINATION_SIGNATURE) {
        spoil_denomination(root);
    } else if (lie == LIE_SIGNKEY_SIGNATURE) {
        spoil_first(root, "signkeys", "master_sig");
    } else if (lie == LIE_WRONG_KEYSET) {
        error = sign_by_stranger(root, k, source);
    } else {
        spoil(cJSON_GetObjectItemCaseSensitive(root, "exchange_sig"));
        spoil(cJSON_GetObjectItemCaseSensitive(root, "denominations_sig"));
    }
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    buf_clear(&k->body);
    buf_str(&k->body, text ? text : "");
    free(text);
    set_etag(k);
    return error ? error : k->body.error;
}
