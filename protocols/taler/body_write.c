#include "core/util/json.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/body.h"

static void put_comma(struct buf *out)
{
    uint8_t last = out->len > 0 ? out->data[out->len - 1] : '[';
    if (last != '{' && last != '[' && last != ':')
        buf_char(out, ',');
}

void put_member(struct buf *out, const char *member)
{
    put_comma(out);
    buf_char(out, '"');
    buf_str(out, member);
    buf_put(out, "\":", 2);
}

void put_open(struct buf *out, const char *member, char bracket)
{
    if (member)
        put_member(out, member);
    else if (out->len > 0)
        put_comma(out);
    buf_char(out, bracket);
}

void put_close(struct buf *out, char bracket)
{
    buf_char(out, bracket);
}

void put_bytes(struct buf *out, const char *member, const void *data, size_t size)
{
    put_member(out, member);
    buf_char(out, '"');
    taler_b32_put(out, data, size);
    buf_char(out, '"');
}

void put_rsa(struct buf *out, const char *member, const struct taler_rsa_value *v)
{
    put_bytes(out, member, v->bytes, v->len);
}

void put_amount(struct buf *out, const char *member, const struct taler_amount *a)
{
    char text[TALER_AMOUNT_TEXT_MAX];
    put_member(out, member);
    buf_char(out, '"');
    buf_str(out, taler_amount_format(a, text));
    buf_char(out, '"');
}

static void put_digits(struct buf *out, uint64_t v)
{
    char digits[20];
    size_t n = sizeof(digits);
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    buf_put(out, digits + n, sizeof(digits) - n);
}

void put_time(struct buf *out, const char *member, uint64_t t_s)
{
    put_member(out, member);
    buf_str(out, "{\"t_s\":");
    if (t_s > TALER_TIME_MAX_S)
        buf_str(out, "\"never\"");
    else
        put_digits(out, t_s);
    buf_char(out, '}');
}

void put_span(struct buf *out, const char *member, uint64_t us)
{
    put_member(out, member);
    buf_str(out, "{\"d_us\":");
    if (us == TALER_FOREVER_US)
        buf_str(out, "\"forever\"");
    else
        put_digits(out, us);
    buf_char(out, '}');
}

void put_u64(struct buf *out, const char *member, uint64_t v)
{
    put_member(out, member);
    put_digits(out, v);
}

void put_bool(struct buf *out, const char *member, bool v)
{
    put_member(out, member);
    buf_str(out, v ? "true" : "false");
}

void put_text(struct buf *out, const char *member, const char *text)
{
    put_member(out, member);
    json_quote(out, slice_str(text));
}
