#include "protocols/taler/keys_write.h"

#include <stdio.h>
#include <stdlib.h>

#include "protocols/taler/hash.h"
#include "protocols/taler/wire_body.h"

/* An offer with what is computed from it. */
struct listed {
    const struct taler_denom_offer *offer;
    struct taler_hash hash;
    struct taler_sig master_sig;
    size_t group; /* index of the first offer of its group */
};

static bool same_group(const struct taler_denom_offer *a, const struct taler_denom_offer *b)
{
    return a->cipher == b->cipher && a->age_mask == b->age_mask &&
           taler_amount_cmp(&a->value, &b->value) == 0 &&
           taler_amount_cmp(&a->fee_withdraw, &b->fee_withdraw) == 0 &&
           taler_amount_cmp(&a->fee_deposit, &b->fee_deposit) == 0 &&
           taler_amount_cmp(&a->fee_refresh, &b->fee_refresh) == 0 &&
           taler_amount_cmp(&a->fee_refund, &b->fee_refund) == 0;
}

static void sign_denom(struct listed *l, const struct taler_key *master)
{
    const struct taler_denom_offer *o = l->offer;
    taler_hash_denom(&l->hash, o->cipher, o->age_mask, o->encoded_pub);
    const struct taler_statement s = {
        .layout = TALER_DENOM,
        .denom = {.master = master->pub,
                  .start_s = o->start_s,
                  .expire_withdraw_s = o->expire_withdraw_s,
                  .expire_deposit_s = o->expire_deposit_s,
                  .expire_legal_s = o->expire_legal_s,
                  .value = o->value,
                  .fee_withdraw = o->fee_withdraw,
                  .fee_deposit = o->fee_deposit,
                  .fee_refresh = o->fee_refresh,
                  .fee_refund = o->fee_refund,
                  .h_denom = l->hash},
    };
    taler_sign(&l->master_sig, master, &s);
}

static int by_group(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->offer < y->offer ? -1 : x->offer > y->offer;
}

/* All offers, signed, groups together; NULL without memory. */
static struct listed *list_offers(const struct taler_keys_source *source)
{
    struct listed *all = calloc(source->denom_count + 1, sizeof(*all));
    for (size_t i = 0; all && i < source->denom_count; i++) {
        all[i].offer = &source->denoms[i];
        for (all[i].group = 0; all[i].group < i; all[i].group++)
            if (same_group(&source->denoms[all[i].group], &source->denoms[i]))
                break;
        sign_denom(&all[i], source->master);
    }
    if (all)
        qsort(all, source->denom_count, sizeof(*all), by_group);
    return all;
}

static void put_stamps(struct buf *out, const struct listed *l)
{
    PUT_BYTES(out, "master_sig", &l->master_sig);
    put_time(out, "stamp_start", l->offer->start_s);
    put_time(out, "stamp_expire_withdraw", l->offer->expire_withdraw_s);
    put_time(out, "stamp_expire_deposit", l->offer->expire_deposit_s);
    put_time(out, "stamp_expire_legal", l->offer->expire_legal_s);
    if (l->offer->lost)
        put_bool(out, "lost", true);
}

static void put_amounts(struct buf *out, const struct taler_denom_offer *o)
{
    put_amount(out, "value", &o->value);
    put_amount(out, "fee_withdraw", &o->fee_withdraw);
    put_amount(out, "fee_deposit", &o->fee_deposit);
    put_amount(out, "fee_refresh", &o->fee_refresh);
    put_amount(out, "fee_refund", &o->fee_refund);
}

static void put_flat(struct buf *out, const struct listed *all, size_t count)
{
    put_open(out, "denoms", '[');
    for (size_t i = 0; i < count; i++) {
        const struct taler_denom_offer *o = all[i].offer;
        bool rsa = o->cipher == TALER_CIPHER_RSA;
        put_open(out, NULL, '{');
        put_stamps(out, &all[i]);
        put_open(out, "denom_pub", '{');
        put_text(out, "cipher", rsa ? "RSA" : "CS");
        put_u64(out, "age_mask", o->age_mask);
        put_bytes(out, rsa ? "rsa_public_key" : "cs_public_key", o->encoded_pub.data,
                  o->encoded_pub.len);
        put_close(out, '}');
        put_amounts(out, o);
        put_close(out, '}');
    }
    put_close(out, ']');
}

static void put_group(struct buf *out, const struct listed *first, size_t count, bool with_hash)
{
    const struct taler_denom_offer *o = first->offer;
    bool rsa = o->cipher == TALER_CIPHER_RSA;
    struct taler_hash mix = {{0}};
    put_open(out, NULL, '{');
    put_text(out, "cipher",
             rsa ? (o->age_mask ? "RSA+age_restricted" : "RSA")
                 : (o->age_mask ? "CS+age_restricted" : "CS"));
    put_amounts(out, o);
    if (o->age_mask)
        put_u64(out, "age_mask", o->age_mask);
    put_open(out, "denoms", '[');
    for (size_t i = 0; i < count; i++) {
        const struct slice pub = first[i].offer->encoded_pub;
        put_open(out, NULL, '{');
        put_stamps(out, &first[i]);
        put_bytes(out, rsa ? "rsa_pub" : "cs_pub", pub.data, pub.len);
        put_close(out, '}');
        for (size_t j = 0; j < sizeof(mix.bytes); j++)
            mix.bytes[j] ^= first[i].hash.bytes[j];
    }
    put_close(out, ']');
    if (with_hash)
        PUT_BYTES(out, "hash", &mix);
    put_close(out, '}');
}

static void put_groups(struct buf *out, const struct listed *all, size_t count, bool with_hash)
{
    put_open(out, "denominations", '[');
    for (size_t i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && all[i + n].group == all[i].group; n++)
            ;
        put_group(out, &all[i], n, with_hash);
    }
    put_close(out, ']');
}

static void put_signkey(struct buf *out, const struct taler_keys_source *source)
{
    const struct taler_statement s = {
        .layout = TALER_SIGNKEY,
        .signkey = {.start_s = source->signkey_start_s,
                    .expire_s = source->signkey_expire_s,
                    .end_s = source->signkey_end_s,
                    .key = source->signkey->pub},
    };
    struct taler_sig sig;
    taler_sign(&sig, source->master, &s);
    put_open(out, "signkeys", '[');
    put_open(out, NULL, '{');
    put_time(out, "stamp_start", source->signkey_start_s);
    put_time(out, "stamp_expire", source->signkey_expire_s);
    put_time(out, "stamp_end", source->signkey_end_s);
    PUT_BYTES(out, "master_sig", &sig);
    PUT_BYTES(out, "key", &source->signkey->pub);
    put_close(out, '}');
    put_close(out, ']');
}

static void put_set_signature(struct buf *out, const char *member, const struct taler_hash *hash,
                              const struct taler_keys_source *source)
{
    const struct taler_statement s = {
        .layout = TALER_KEYSET,
        .keyset = {.list_issue_s = source->list_issue_s, .hash = *hash},
    };
    struct taler_sig sig;
    taler_sign(&sig, source->signkey, &s);
    PUT_BYTES(out, member, &sig);
}

/* To 16: eddsa_sig over SHA-512 of the flat list's hashes, for clients older still, and
 * denominations_sig over the XOR. Later: exchange_sig over SHA-512 of the master_sigs. */
static int put_set_signatures(struct buf *out, const struct listed *all,
                              const struct taler_keys_source *source)
{
    struct slice *parts = calloc(source->denom_count + 1, sizeof(*parts));
    struct taler_hash hash, mix = {{0}};
    bool old = source->protocol->keyset == TALER_OLD;
    if (!parts)
        return SHOAL_E_NOMEM;
    for (size_t i = 0; i < source->denom_count; i++) {
        parts[i] = old ? slice_of(all[i].hash.bytes, sizeof(all[i].hash.bytes))
                       : slice_of(all[i].master_sig.bytes, sizeof(all[i].master_sig.bytes));
        for (size_t j = 0; j < sizeof(mix.bytes); j++)
            mix.bytes[j] ^= all[i].hash.bytes[j];
    }
    taler_sha512(&hash, parts, source->denom_count);
    free(parts);
    PUT_BYTES(out, old ? "eddsa_pub" : "exchange_pub", &source->signkey->pub);
    put_set_signature(out, old ? "eddsa_sig" : "exchange_sig", &hash, source);
    if (old)
        put_set_signature(out, "denominations_sig", &mix, source);
    return 0;
}

static void put_head(struct buf *out, const struct taler_keys_source *source)
{
    char version[32];
    snprintf(version, sizeof(version), "%d:0:0", source->protocol->version);
    put_text(out, "version", source->version_text ? source->version_text : version);
    put_text(out, "base_url", source->base_url);
    put_text(out, "currency", source->currency);
    put_text(out, "asset_type", "fiat");
    PUT_BYTES(out, "master_public_key", &source->master->pub);
    put_span(out, "reserve_closing_delay", source->reserve_closing_delay_us);
    put_time(out, "list_issue_date", source->list_issue_s);
    static const char *const empty[] = {"recoup", "auditors", "global_fees"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        put_open(out, empty[i], '[');
        put_close(out, ']');
    }
}

static bool offers_valid(const struct taler_keys_source *source)
{
    for (size_t i = 0; i < source->denom_count; i++) {
        size_t len = source->denoms[i].encoded_pub.len;
        bool rsa = source->denoms[i].cipher == TALER_CIPHER_RSA;
        if (rsa ? len < 4 + TALER_RSA_BITS_MIN / 8 || len > TALER_RSA_ENCODED_MAX
                : len != TALER_PUB_SIZE)
            return false;
    }
    return true;
}

int taler_keys_write(struct buf *out, const struct taler_keys_source *source)
{
    if (!offers_valid(source))
        return SHOAL_E_BAD_INPUT;
    struct listed *all = list_offers(source);
    if (!all)
        return SHOAL_E_NOMEM;
    put_open(out, NULL, '{');
    put_head(out, source);
    put_signkey(out, source);
    if (source->protocol->wire_in_keys && source->wire) {
        put_accounts(out, source->wire, true);
        put_wire_fees(out, "wire_fees", source->wire);
    }
    if (source->protocol->flat_denoms)
        put_flat(out, all, source->denom_count);
    put_groups(out, all, source->denom_count, source->protocol->keyset == TALER_OLD);
    int error = put_set_signatures(out, all, source);
    put_close(out, '}');
    free(all);
    return error ? error : out->error;
}
