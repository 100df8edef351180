/* /config, the bank's add-incoming, and payto URIs. */
#include <stdio.h>

#include "protocols/taler/body.h"
#include "protocols/taler/wire.h"

static void put_currency_specification(struct buf *out, const char *currency)
{
    put_open(out, "currency_specification", '{');
    put_text(out, "name", currency);
    put_text(out, "currency", currency);
    put_u64(out, "num_fractional_input_digits", 2);
    put_u64(out, "num_fractional_normal_digits", 2);
    put_u64(out, "num_fractional_trailing_zero_digits", 2);
    put_open(out, "alt_unit_names", '{');
    put_text(out, "0", currency);
    put_close(out, '}');
    put_close(out, '}');
}

void taler_config_write(struct buf *out, const struct taler_config *c,
                        const struct taler_protocol *protocol)
{
    put_open(out, NULL, '{');
    put_text(out, "version", c->version);
    put_text(out, "name", c->name);
    put_text(out, "currency", c->currency);
    if (protocol->version >= 18)
        put_currency_specification(out, c->currency);
    put_open(out, "supported_kyc_requirements", '[');
    put_close(out, ']');
    put_close(out, '}');
}

int taler_config_read(struct taler_config *out, struct slice text, struct taler_fault *fault)
{
    struct body b;
    memset(out, 0, sizeof(*out));
    body_open(&b, text, fault);
    body_text(&b, "version", out->version, sizeof(out->version));
    if (body_has(&b, "currency"))
        body_text(&b, "currency", out->currency, sizeof(out->currency));
    body_text_cut(&b, "name", out->name, sizeof(out->name));
    return body_close(&b);
}

void taler_incoming_request_write(struct buf *out, const struct taler_incoming_request *r)
{
    put_open(out, NULL, '{');
    put_amount(out, "amount", &r->amount);
    PUT_BYTES(out, "reserve_pub", &r->reserve);
    put_text(out, "debit_account", r->debit_account);
    put_close(out, '}');
}

int taler_incoming_request_read(struct taler_incoming_request *out, struct slice text,
                                struct taler_fault *fault)
{
    struct body b;
    memset(out, 0, sizeof(*out));
    body_open(&b, text, fault);
    body_amount(&b, "amount", &out->amount);
    BODY_BYTES(&b, "reserve_pub", &out->reserve);
    body_text(&b, "debit_account", out->debit_account, sizeof(out->debit_account));
    return body_close(&b);
}

void taler_incoming_reply_write(struct buf *out, const struct taler_incoming_reply *r)
{
    put_open(out, NULL, '{');
    put_u64(out, "row_id", r->row_id);
    put_time(out, "timestamp", r->timestamp_s);
    put_close(out, '}');
}

int taler_incoming_reply_read(struct taler_incoming_reply *out, struct slice text,
                              struct taler_fault *fault)
{
    struct body b;
    memset(out, 0, sizeof(*out));
    body_open(&b, text, fault);
    body_u64(&b, "row_id", &out->row_id);
    body_time(&b, "timestamp", &out->timestamp_s);
    return body_close(&b);
}

bool taler_payto_valid(const char *payto_uri, bool need_receiver)
{
    static const char scheme[] = "payto://";
    size_t len = strlen(payto_uri);
    if (len >= TALER_PAYTO_MAX || strncmp(payto_uri, scheme, sizeof(scheme) - 1) != 0)
        return false;
    for (const char *p = payto_uri; *p; p++)
        if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 0x7f || *p == '"' || *p == '\\')
            return false;
    const char *method = payto_uri + sizeof(scheme) - 1, *slash = strchr(method, '/');
    const char *query = strchr(payto_uri, '?');
    if (!slash || slash == method || slash[1] == '\0' || (query && query <= slash + 1))
        return false;
    if (!need_receiver)
        return true;
    static const char name[] = "receiver-name=";
    for (const char *p = query; p; p = strchr(p + 1, '&'))
        if (strncmp(p + 1, name, sizeof(name) - 1) == 0)
            return p[sizeof(name)] != '\0' && p[sizeof(name)] != '&';
    return false;
}
