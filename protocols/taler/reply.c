#include "protocols/taler/reply.h"

#include <cjson/cJSON.h>

#include "protocols/taler/body.h"

const char *taler_code_text(int64_t code)
{
    switch (code) {
#define TALER_CODE_CASE(id, number, text) \
    case number:                          \
        return text;
        TALER_CODES(TALER_CODE_CASE)
#undef TALER_CODE_CASE
    default:
        return "";
    }
}

/* One kind of history entry: its name, and how its members are read and written. */
struct history_kind {
    const char *name;
    void (*write)(struct buf *out, const struct taler_history_entry *e);
    void (*read)(struct body *b, struct taler_history_entry *e);
};

static void write_credit(struct buf *out, const struct taler_history_entry *e)
{
    put_time(out, "timestamp", e->timestamp_s);
    put_text(out, "sender_account_url", e->account);
    put_u64(out, "wire_reference", e->wire_reference);
    put_amount(out, "amount", &e->amount);
}

static void read_credit(struct body *b, struct taler_history_entry *e)
{
    body_time(b, "timestamp", &e->timestamp_s);
    body_text(b, "sender_account_url", e->account, sizeof(e->account));
    body_u64(b, "wire_reference", &e->wire_reference);
    body_amount(b, "amount", &e->amount);
}

static void write_withdraw(struct buf *out, const struct taler_history_entry *e)
{
    PUT_BYTES(out, "reserve_sig", &e->sig);
    PUT_BYTES(out, "h_coin_envelope", &e->h_wire);
    PUT_BYTES(out, "h_denom_pub", &e->h_denom);
    put_amount(out, "withdraw_fee", &e->fee);
    put_amount(out, "amount", &e->amount);
}

static void read_withdraw(struct body *b, struct taler_history_entry *e)
{
    BODY_BYTES(b, "reserve_sig", &e->sig);
    BODY_BYTES(b, "h_coin_envelope", &e->h_wire);
    BODY_BYTES(b, "h_denom_pub", &e->h_denom);
    body_amount(b, "withdraw_fee", &e->fee);
    body_amount(b, "amount", &e->amount);
}

static void write_deposit(struct buf *out, const struct taler_history_entry *e)
{
    put_amount(out, "amount", &e->amount);
    put_amount(out, "deposit_fee", &e->fee);
    put_time(out, "timestamp", e->timestamp_s);
    put_time(out, "refund_deadline", e->refund_deadline_s);
    PUT_BYTES(out, "merchant_pub", &e->merchant);
    PUT_BYTES(out, "h_contract_terms", &e->h_contract);
    PUT_BYTES(out, "h_wire", &e->h_wire);
    PUT_BYTES(out, "h_age_commitment", &e->h_age);
    PUT_BYTES(out, "coin_sig", &e->sig);
}

static void read_age(struct body *b, struct taler_history_entry *e)
{
    if (body_has(b, "h_age_commitment"))
        BODY_BYTES(b, "h_age_commitment", &e->h_age);
}

static void read_deposit(struct body *b, struct taler_history_entry *e)
{
    body_amount(b, "amount", &e->amount);
    body_amount(b, "deposit_fee", &e->fee);
    body_time(b, "timestamp", &e->timestamp_s);
    if (body_has(b, "refund_deadline"))
        body_time(b, "refund_deadline", &e->refund_deadline_s);
    BODY_BYTES(b, "merchant_pub", &e->merchant);
    BODY_BYTES(b, "h_contract_terms", &e->h_contract);
    BODY_BYTES(b, "h_wire", &e->h_wire);
    read_age(b, e);
    BODY_BYTES(b, "coin_sig", &e->sig);
}

static void write_melt(struct buf *out, const struct taler_history_entry *e)
{
    put_amount(out, "amount", &e->amount);
    put_amount(out, "melt_fee", &e->fee);
    PUT_BYTES(out, "rc", &e->h_contract);
    PUT_BYTES(out, "h_age_commitment", &e->h_age);
    PUT_BYTES(out, "coin_sig", &e->sig);
}

static void read_melt(struct body *b, struct taler_history_entry *e)
{
    body_amount(b, "amount", &e->amount);
    body_amount(b, "melt_fee", &e->fee);
    BODY_BYTES(b, "rc", &e->h_contract);
    read_age(b, e);
    BODY_BYTES(b, "coin_sig", &e->sig);
}

static void write_refund(struct buf *out, const struct taler_history_entry *e)
{
    put_amount(out, "amount", &e->amount);
    put_amount(out, "refund_fee", &e->fee);
    PUT_BYTES(out, "h_contract_terms", &e->h_contract);
    PUT_BYTES(out, "merchant_pub", &e->merchant);
    put_u64(out, "rtransaction_id", e->wire_reference);
    PUT_BYTES(out, "merchant_sig", &e->sig);
}

static void read_refund(struct body *b, struct taler_history_entry *e)
{
    body_amount(b, "amount", &e->amount);
    body_amount(b, "refund_fee", &e->fee);
    BODY_BYTES(b, "h_contract_terms", &e->h_contract);
    BODY_BYTES(b, "merchant_pub", &e->merchant);
    body_u64(b, "rtransaction_id", &e->wire_reference);
    BODY_BYTES(b, "merchant_sig", &e->sig);
}

static void write_other(struct buf *out, const struct taler_history_entry *e)
{
    if (e->amount.currency[0] != '\0')
        put_amount(out, "amount", &e->amount);
}

static void read_other(struct body *b, struct taler_history_entry *e)
{
    if (body_has(b, "amount"))
        body_amount(b, "amount", &e->amount);
}

static const struct history_kind kinds[] = {
    [TALER_HISTORY_OTHER] = {"OTHER", write_other, read_other},
    [TALER_HISTORY_CREDIT] = {"CREDIT", write_credit, read_credit},
    [TALER_HISTORY_WITHDRAW] = {"WITHDRAW", write_withdraw, read_withdraw},
    [TALER_HISTORY_DEPOSIT] = {"DEPOSIT", write_deposit, read_deposit},
    [TALER_HISTORY_MELT] = {"MELT", write_melt, read_melt},
    [TALER_HISTORY_REFUND] = {"REFUND", write_refund, read_refund},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void put_history(struct buf *out, const struct taler_error_reply *r)
{
    put_open(out, "history", '[');
    for (size_t i = 0; i < r->history_count; i++) {
        const struct taler_history_entry *e = &r->history[i];
        assert(e->type < KINDS);
        put_open(out, NULL, '{');
        put_text(out, "type", kinds[e->type].name);
        kinds[e->type].write(out, e);
        put_close(out, '}');
    }
    put_close(out, ']');
}

static void read_history(struct body *b, struct taler_error_reply *r)
{
    const cJSON *item, *before = b->at, *list = body_array(b, "history");
    cJSON_ArrayForEach(item, list)
    {
        r->history_total++;
        if (b->error || !r->history || r->history_count == r->history_max)
            continue;
        struct taler_history_entry *e = &r->history[r->history_count++];
        char type[32];
        memset(e, 0, sizeof(*e));
        body_enter(b, item);
        body_text(b, "type", type, sizeof(type));
        for (size_t k = 0; k < KINDS; k++)
            if (strcmp(type, kinds[k].name) == 0)
                e->type = (enum taler_history_type)k;
        kinds[e->type].read(b, e);
    }
    b->at = before;
}

void taler_error_reply_write(struct buf *out, const struct taler_error_reply *r)
{
    put_open(out, NULL, '{');
    put_text(out, "hint", r->hint);
    put_u64(out, "code", (uint64_t)r->code);
    if (r->has_balance) {
        put_amount(out, "balance", &r->balance);
        put_amount(out, "requested_amount", &r->requested);
    }
    if (r->has_coin) {
        PUT_BYTES(out, "coin_pub", &r->coin);
        PUT_BYTES(out, "h_denom_pub", &r->h_denom);
    }
    if (r->has_history)
        put_history(out, r);
    put_close(out, '}');
}

int taler_error_reply_read(struct taler_error_reply *out, struct slice text,
                           struct taler_fault *fault)
{
    struct body b;
    uint64_t code;
    *out = (struct taler_error_reply){.history = out->history, .history_max = out->history_max};
    body_open(&b, text, fault);
    body_u64(&b, "code", &code);
    out->code = (int64_t)code;
    body_text_cut(&b, "hint", out->hint, sizeof(out->hint));
    out->has_balance = body_has(&b, "balance") && body_has(&b, "requested_amount");
    if (out->has_balance) {
        body_amount(&b, "balance", &out->balance);
        body_amount(&b, "requested_amount", &out->requested);
    }
    out->has_coin = body_has(&b, "coin_pub") && body_has(&b, "h_denom_pub");
    if (out->has_coin) {
        BODY_BYTES(&b, "coin_pub", &out->coin);
        BODY_BYTES(&b, "h_denom_pub", &out->h_denom);
    }
    out->has_history = body_has(&b, "history");
    if (out->has_history)
        read_history(&b, out);
    return body_close(&b);
}
