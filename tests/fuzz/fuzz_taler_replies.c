#include <stdlib.h>

#include "core/util/json.h"
#include "protocols/taler/deposit.h"
#include "protocols/taler/hash.h"
#include "protocols/taler/reply.h"
#include "protocols/taler/version.h"
#include "protocols/taler/withdraw.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One reader for each first byte. What a reader accepts its writer writes, and the reader accepts
 * that again. */
#define ROUND_TRIP(type, read, write, ...)                    \
    do {                                                      \
        type value, again;                                    \
        struct buf out = {0};                                 \
        if (read(&value, text, NULL))                         \
            break;                                            \
        write(&out, &value __VA_ARGS__);                      \
        if (out.error || read(&again, buf_slice(&out), NULL)) \
            abort();                                          \
        buf_free(&out);                                       \
    } while (0)
#define ALSO(x) , x

enum { MANY = 8 };

static void batch_withdraw(struct slice text)
{
    struct taler_withdraw_planchet p[MANY];
    struct buf out = {0};
    size_t count;
    if (taler_batch_withdraw_request_read(p, MANY, &count, text, NULL))
        return;
    taler_batch_withdraw_request_write(&out, p, count);
    if (taler_batch_withdraw_request_read(p, MANY, &count, buf_slice(&out), NULL))
        abort();
    buf_free(&out);
}

static void batch_withdraw_reply(struct slice text)
{
    struct taler_rsa_value sigs[2];
    struct buf out = {0};
    if (taler_batch_withdraw_reply_read(sigs, 2, text, NULL))
        return;
    taler_batch_withdraw_reply_write(&out, sigs, 2);
    if (taler_batch_withdraw_reply_read(sigs, 2, buf_slice(&out), NULL))
        abort();
    buf_free(&out);
}

static void deposit(struct slice text)
{
    struct taler_deposit_terms terms;
    struct taler_deposit_coin coin;
    struct buf out = {0};
    if (taler_deposit_request_read(&terms, &coin, text, NULL))
        return;
    taler_deposit_request_write(&out, &terms, &coin);
    if (taler_deposit_request_read(&terms, &coin, buf_slice(&out), NULL))
        abort();
    buf_free(&out);
}

static void batch_deposit(struct slice text)
{
    struct taler_deposit_terms terms;
    struct taler_deposit_coin coins[MANY];
    struct buf out = {0};
    size_t count;
    if (taler_batch_deposit_request_read(&terms, coins, MANY, &count, text, NULL))
        return;
    taler_batch_deposit_request_write(&out, &terms, coins, count);
    if (taler_batch_deposit_request_read(&terms, coins, MANY, &count, buf_slice(&out), NULL))
        abort();
    buf_free(&out);
}

static void deposit_reply(struct slice text, bool single, enum taler_variant expected, size_t coins)
{
    struct taler_deposit_reply r;
    struct buf out = {0};
    if (taler_deposit_reply_read(&r, single, expected, coins, text, NULL))
        return;
    taler_deposit_reply_write(&out, &r);
    if (taler_deposit_reply_read(&r, single, expected, coins, buf_slice(&out), NULL))
        abort();
    buf_free(&out);
}

static void error_reply(struct slice text)
{
    struct taler_history_entry history[MANY];
    struct taler_error_reply r = {.history = history, .history_max = MANY};
    struct buf out = {0};
    if (taler_error_reply_read(&r, text, NULL))
        return;
    taler_error_reply_write(&out, &r);
    if (taler_error_reply_read(&r, buf_slice(&out), NULL))
        abort();
    buf_free(&out);
}

static void contract(struct slice text)
{
    cJSON *tree;
    struct taler_hash h;
    if (json_parse(&tree, text, NULL))
        return;
    taler_hash_contract(&h, tree);
    cJSON_Delete(tree);
}

static void texts(struct slice text)
{
    char line[600], why[TALER_WHY_MAX];
    if (text.len >= sizeof(line))
        return;
    memcpy(line, text.data, text.len);
    line[text.len] = '\0';
    const struct taler_protocol *p = taler_protocol_for(line, why);
    if (!p != (why[0] != '\0'))
        abort();
    if (taler_payto_valid(line, true) && !taler_payto_valid(line, false))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice text = slice_of(data + 1, size - 1);
    switch (data[0]) {
    case 'c':
        ROUND_TRIP(struct taler_config, taler_config_read, taler_config_write,
                   ALSO(taler_protocol_row(23)));
        break;
    case 'w':
        ROUND_TRIP(struct taler_wire, taler_wire_read, taler_wire_write, );
        break;
    case 'q':
        ROUND_TRIP(struct taler_incoming_request, taler_incoming_request_read,
                   taler_incoming_request_write, );
        break;
    case 'a':
        ROUND_TRIP(struct taler_incoming_reply, taler_incoming_reply_read,
                   taler_incoming_reply_write, );
        break;
    case 'r':
        ROUND_TRIP(struct taler_reserve_status, taler_reserve_status_read,
                   taler_reserve_status_write, );
        break;
    case 'p':
        ROUND_TRIP(struct taler_withdraw_planchet, taler_withdraw_request_read,
                   taler_withdraw_request_write, );
        break;
    case 's':
        ROUND_TRIP(struct taler_rsa_value, taler_withdraw_reply_read, taler_withdraw_reply_write, );
        break;
    case 'P':
        batch_withdraw(text);
        break;
    case 'S':
        batch_withdraw_reply(text);
        break;
    case 'd':
        deposit(text);
        break;
    case 'D':
        batch_deposit(text);
        break;
    case '1':
        deposit_reply(text, true, TALER_OLD, 1);
        break;
    case '2':
        deposit_reply(text, false, TALER_BY_REPLY, 2);
        break;
    case 'e':
        error_reply(text);
        break;
    case 'h':
        contract(text);
        break;
    default:
        texts(text);
    }
    return 0;
}
