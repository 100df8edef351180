#include "protocols/taler/wire.h"

#include "protocols/taler/hash.h"
#include "protocols/taler/wire_body.h"

static void account_statement(struct taler_statement *s, const struct taler_account *a,
                              const struct taler_protocol *protocol)
{
    /* Without a conversion URL its hash is zero; without restrictions theirs is that of "[]". */
    static const char none[] = "[]";
    const struct slice part = slice_of(none, sizeof(none));
    *s = (struct taler_statement){.layout = protocol->account_layout};
    taler_hash_payto(&s->account.h_payto, a->payto_uri);
    taler_sha512(&s->account.h_credit, &part, 1);
    s->account.h_debit = s->account.h_credit;
}

void taler_account_sign(struct taler_account *a, const struct taler_key *master,
                        const struct taler_protocol *protocol)
{
    struct taler_statement s;
    account_statement(&s, a, protocol);
    taler_sign(&a->master_sig, master, &s);
}

bool taler_account_verify(const struct taler_account *a, const struct taler_pub *master,
                          const struct taler_protocol *protocol)
{
    struct taler_statement s;
    account_statement(&s, a, protocol);
    return !a->restricted && taler_verify(&a->master_sig, master, &s);
}

void taler_wire_fee_sign(struct taler_wire_fee *f, const struct taler_key *master)
{
    struct taler_statement s = {
        .layout = TALER_WIRE_FEE,
        .wire_fee = {.start_s = f->start_s,
                     .end_s = f->end_s,
                     .wire_fee = f->wire_fee,
                     .closing_fee = f->closing_fee},
    };
    const struct slice method = slice_of(f->method, strlen(f->method) + 1);
    taler_sha512(&s.wire_fee.h_method, &method, 1);
    taler_sign(&f->sig, master, &s);
}

void put_accounts(struct buf *out, const struct taler_wire *w, bool with_restrictions)
{
    put_open(out, "accounts", '[');
    for (size_t i = 0; i < w->account_count; i++) {
        put_open(out, NULL, '{');
        put_text(out, "payto_uri", w->accounts[i].payto_uri);
        if (with_restrictions) {
            put_open(out, "debit_restrictions", '[');
            put_close(out, ']');
            put_open(out, "credit_restrictions", '[');
            put_close(out, ']');
        }
        PUT_BYTES(out, "master_sig", &w->accounts[i].master_sig);
        put_close(out, '}');
    }
    put_close(out, ']');
}

static void put_fee(struct buf *out, const struct taler_wire_fee *f)
{
    put_open(out, NULL, '{');
    put_amount(out, "wire_fee", &f->wire_fee);
    put_amount(out, "closing_fee", &f->closing_fee);
    put_time(out, "start_date", f->start_s);
    put_time(out, "end_date", f->end_s);
    PUT_BYTES(out, "sig", &f->sig);
    put_close(out, '}');
}

static bool same_method(const struct taler_wire_fee *a, const struct taler_wire_fee *b)
{
    return strcmp(a->method, b->method) == 0;
}

/* An object with one array for each method, in the order the methods first appear. */
void put_wire_fees(struct buf *out, const char *member, const struct taler_wire *w)
{
    put_open(out, member, '{');
    for (size_t i = 0; i < w->fee_count; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = same_method(&w->fees[k], &w->fees[i]);
        if (seen)
            continue;
        put_open(out, w->fees[i].method, '[');
        for (size_t k = i; k < w->fee_count; k++)
            if (same_method(&w->fees[k], &w->fees[i]))
                put_fee(out, &w->fees[k]);
        put_close(out, ']');
    }
    put_close(out, '}');
}

static bool empty_or_absent(const struct body *b, const char *member)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(b->at, member);
    return !item || cJSON_IsNull(item) || (cJSON_IsArray(item) && !item->child);
}

void read_accounts(struct body *b, struct taler_wire *w)
{
    const cJSON *item, *list = body_array(b, "accounts");
    cJSON_ArrayForEach(item, list)
    {
        if (w->account_count == TALER_ACCOUNTS_MAX)
            break;
        struct taler_account *a = &w->accounts[w->account_count++];
        const cJSON *before = body_enter(b, item);
        body_text(b, "payto_uri", a->payto_uri, sizeof(a->payto_uri));
        BODY_BYTES(b, "master_sig", &a->master_sig);
        a->restricted = body_has(b, "conversion_url") ||
                        !empty_or_absent(b, "credit_restrictions") ||
                        !empty_or_absent(b, "debit_restrictions");
        b->at = before;
    }
}

static void read_fee(struct body *b, const cJSON *item, const char *method,
                     struct taler_wire_fee *f)
{
    const cJSON *before = body_enter(b, item);
    size_t len = strlen(method);
    if (len >= sizeof(f->method))
        body_fail(b, SHOAL_E_BAD_REPLY, "wire fees", "a method's name is longer than we take");
    else
        memcpy(f->method, method, len + 1);
    body_amount(b, "wire_fee", &f->wire_fee);
    body_amount(b, "closing_fee", &f->closing_fee);
    body_time(b, "start_date", &f->start_s);
    body_time(b, "end_date", &f->end_s);
    BODY_BYTES(b, "sig", &f->sig);
    b->at = before;
}

void read_wire_fees(struct body *b, const char *member, struct taler_wire *w)
{
    const cJSON *method, *item, *methods = body_object(b, member);
    cJSON_ArrayForEach(method, methods)
    {
        cJSON_ArrayForEach(item, method)
        {
            if (w->fee_count < TALER_WIRE_FEES_MAX)
                read_fee(b, item, method->string, &w->fees[w->fee_count++]);
        }
    }
}

void taler_wire_write(struct buf *out, const struct taler_wire *w)
{
    put_open(out, NULL, '{');
    put_accounts(out, w, false);
    put_wire_fees(out, "fees", w);
    PUT_BYTES(out, "master_public_key", &w->master);
    put_close(out, '}');
}

int taler_wire_read(struct taler_wire *out, struct slice text, struct taler_fault *fault)
{
    struct body b;
    memset(out, 0, sizeof(*out));
    body_open(&b, text, fault);
    BODY_BYTES(&b, "master_public_key", &out->master);
    read_accounts(&b, out);
    read_wire_fees(&b, "fees", out);
    return body_close(&b);
}
