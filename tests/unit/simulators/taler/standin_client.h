/* For tests of the stand-in: it runs as a child (this very program, called again with "serve"), and
 * is spoken to over plain blocking sockets, so that what is seen is what is on the wire. */
#ifndef STANDIN_CLIENT_H
#define STANDIN_CLIENT_H

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/load/embedded.h"
#include "core/load/serve.h"
#include "core/util/json.h"
#include "core/util/random.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/deposit.h"
#include "protocols/taler/hash.h"
#include "protocols/taler/reply.h"
#include "protocols/taler/withdraw.h"
#include "simulators/taler/standin.h"

#define GATEWAY "/accounts/exchange/taler-wire-gateway"
#define PAYTO "payto://x-taler-bank/localhost/user-1?receiver-name=user-1"

/* The child's side: serve SYSTEM --until-eof [--folder DIR] [--listen L] [--set K=V]... */
static inline int client_serve(int argc, char **argv)
{
    const char *sets[64];
    struct serve_options options = {.standin = &taler_standin, .sets = sets};
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--until-eof") == 0)
            options.until_eof = true;
        else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc)
            options.folder = argv[++i];
        else if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc)
            options.listen = argv[++i];
        else if (strcmp(argv[i], "--set") == 0 && i + 1 < argc && options.set_count < 64)
            sets[options.set_count++] = argv[++i];
        else
            return 2;
    }
    return serve_run(&options);
}

struct peer {
    struct embedded *child;
    struct taler_keyset *keys;
    const struct taler_protocol *protocol;
    uint16_t port;
};

/* `sets` is NULL-terminated; rsa_bits=1024 is added to make the start quick. */
static inline void peer_start(struct peer *p, const char *folder, const char *const *sets)
{
    const char *all[32] = {"rsa_bits=1024"};
    size_t n = 1;
    while (sets && *sets)
        all[n++] = *sets++;
    struct embedded_options options = {.program = "/proc/self/exe",
                                       .system = "taler",
                                       .folder = folder,
                                       .sets = all,
                                       .set_count = n};
    char error[EMBEDDED_ERROR_MAX];
    *p = (struct peer){0};
    if (embedded_start(&p->child, &options, error))
        fail_msg("%s", error);
    p->port = (uint16_t)atoi(strrchr(embedded_base(p->child), ':') + 1);
}

struct answer {
    int status;
    char head[4096];
    struct buf body;
};

static inline void answer_free(struct answer *a)
{
    buf_free(&a->body);
}

static inline int peer_connect(const struct peer *p)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(p->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static inline void peer_send(int fd, const char *method, const char *path, const char *headers,
                             struct slice body)
{
    struct buf out = {0};
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path, headers);
    if (strcmp(method, "POST") == 0)
        buf_printf(&out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", body.len);
    buf_str(&out, "\r\n");
    buf_put(&out, body.data, body.len);
    for (size_t done = 0; done < out.len;) {
        ssize_t n = send(fd, out.data + done, out.len - done, MSG_NOSIGNAL);
        assert_true(n > 0);
        done += (size_t)n;
    }
    buf_free(&out);
}

/* Reads head and body by Content-Length; false when the connection ends before. */
static inline bool peer_receive(int fd, struct answer *a)
{
    struct buf all = {0};
    char piece[65536];
    const char *end = NULL;
    size_t head = 0, length = 0;
    *a = (struct answer){0};
    while (!end || all.len < head + length) {
        ssize_t n = recv(fd, piece, sizeof piece, 0);
        if (n <= 0)
            break;
        buf_put(&all, piece, (size_t)n);
        if (!end && (end = strstr((const char *)all.data, "\r\n\r\n"))) {
            head = (size_t)(end - (const char *)all.data) + 4;
            assert_true(head < sizeof a->head);
            memcpy(a->head, all.data, head);
            const char *field = strcasestr(a->head, "content-length:");
            length = field ? (size_t)atol(field + 15) : 0;
        }
    }
    bool whole = end && all.len >= head + length;
    if (whole) {
        a->status = atoi(a->head + strlen("HTTP/1.1 "));
        buf_put(&a->body, all.data + head, length);
    }
    buf_free(&all);
    return whole;
}

static inline void peer_call(const struct peer *p, const char *method, const char *path,
                             const char *headers, struct slice body, struct answer *a)
{
    int fd = peer_connect(p);
    peer_send(fd, method, path, headers, body);
    assert_true(peer_receive(fd, a));
    close(fd);
}

static inline void peer_get(const struct peer *p, const char *path, struct answer *a)
{
    peer_call(p, "GET", path, "", (struct slice){0}, a);
}

static inline void peer_post(const struct peer *p, const char *path, const struct buf *body,
                             struct answer *a)
{
    peer_call(p, "POST", path, "", buf_slice(body), a);
}

/* GET /keys, as a wallet reads it. */
static inline void peer_keys(struct peer *p)
{
    struct answer a;
    struct taler_fault fault = {""};
    peer_get(p, "/keys", &a);
    assert_int_equal(a.status, 200);
    if (taler_keyset_read(&p->keys, buf_slice(&a.body), NULL, &fault))
        fail_msg("/keys: %s", fault.text);
    p->protocol = p->keys->protocol;
    answer_free(&a);
}

/* Ends the child; its ledger must balance. The caller deletes the tree. */
static inline cJSON *peer_stop(struct peer *p)
{
    struct buf ledger = {0};
    char error[EMBEDDED_ERROR_MAX];
    cJSON *tree = NULL;
    bool balanced = false;
    if (embedded_stop(p->child, &ledger, error))
        fail_msg("%s; %s", error, ledger.data ? (const char *)ledger.data : "no ledger");
    assert_int_equal(json_parse(&tree, buf_slice(&ledger), NULL), 0);
    assert_true(json_bool(tree, "balanced", &balanced) && balanced);
    buf_free(&ledger);
    taler_keyset_free(p->keys);
    p->keys = NULL;
    return tree;
}

static inline int64_t number_in(const cJSON *tree, const char *member)
{
    int64_t value = -1;
    assert_true(json_int(tree, member, &value));
    return value;
}

/* --- a wallet -----------------------------------------------------------------------------------
 */

static inline struct taler_amount amount(const char *text)
{
    struct taler_amount a;
    assert_int_equal(taler_amount_parse(&a, text), 0);
    return a;
}

static inline void new_key(struct taler_key *key)
{
    uint8_t seed[TALER_SEED_SIZE];
    random_bytes(seed, sizeof seed);
    taler_key_from_seed(key, seed);
}

static inline uint64_t now_s(void)
{
    return (uint64_t)time(NULL);
}

static inline const char *path_of(char out[256], const char *prefix, const struct taler_pub *pub,
                                  const char *suffix)
{
    char text[TALER_PUB_TEXT_MAX];
    snprintf(out, 256, "%s%s%s", prefix,
             taler_b32_encode(text, sizeof text, pub->bytes, sizeof pub->bytes), suffix);
    return out;
}

static inline int fund(const struct peer *p, const char *path, const struct taler_key *reserve,
                       const char *sum, const char *payto)
{
    struct taler_incoming_request request = {.amount = amount(sum), .reserve = reserve->pub};
    snprintf(request.debit_account, sizeof request.debit_account, "%s", payto);
    struct buf body = {0};
    struct answer a;
    taler_incoming_request_write(&body, &request);
    peer_post(p, path, &body, &a);
    int status = a.status;
    answer_free(&a);
    buf_free(&body);
    return status;
}

/* The balance as text; "" when the reserve is unknown. */
static inline void balance_of(const struct peer *p, const struct taler_key *reserve, char out[64])
{
    char path[256];
    struct answer a;
    struct taler_reserve_status status;
    peer_get(p, path_of(path, "/reserves/", &reserve->pub, ""), &a);
    out[0] = '\0';
    if (a.status == 200) {
        assert_int_equal(taler_reserve_status_read(&status, buf_slice(&a.body), NULL), 0);
        taler_amount_format(&status.balance, out);
    }
    answer_free(&a);
}

/* A usable denomination of that value. */
static inline const struct taler_denom *denom_of(const struct peer *p, const char *value)
{
    const struct taler_denom *list[64];
    struct taler_amount wanted = amount(value);
    size_t n = taler_keyset_selectable(p->keys, now_s(), list, 64);
    for (size_t i = 0; i < n; i++)
        if (taler_amount_cmp(&list[i]->value, &wanted) == 0)
            return list[i];
    fail_msg("no denomination of %s", value);
    return NULL;
}

struct coin {
    const struct taler_denom *denom;
    struct taler_planchet planchet;
    struct taler_rsa_value sig;
};

static inline void new_planchet(struct coin *c, const struct taler_denom *denom)
{
    uint8_t secret[TALER_PLANCHET_SECRET_SIZE];
    random_bytes(secret, sizeof secret);
    c->denom = denom;
    assert_int_equal(taler_planchet_make(&c->planchet, denom, secret), 0);
}

static inline struct taler_withdraw_planchet sign_planchet(const struct coin *c,
                                                           const struct taler_key *reserve)
{
    struct taler_withdraw_planchet w = {.h_denom = c->denom->hash, .blinded = c->planchet.blinded};
    struct taler_statement s = {.layout = TALER_WITHDRAW};
    s.withdraw.amount_with_fee = c->denom->cost;
    s.withdraw.h_denom = c->denom->hash;
    s.withdraw.h_envelope = c->planchet.h_envelope;
    taler_sign(&w.reserve_sig, reserve, &s);
    return w;
}

/* The same planchet may be asked for again. */
static inline void ask_for_coins(const struct peer *p, const struct taler_key *reserve,
                                 const struct coin coins[], size_t count, struct answer *a)
{
    struct taler_withdraw_planchet planchets[16];
    struct buf body = {0};
    char path[256];
    for (size_t i = 0; i < count; i++)
        planchets[i] = sign_planchet(&coins[i], reserve);
    if (count == 1 && p->protocol->single_withdraw) {
        taler_withdraw_request_write(&body, planchets);
        path_of(path, "/reserves/", &reserve->pub, "/withdraw");
    } else {
        taler_batch_withdraw_request_write(&body, planchets, count);
        path_of(path, "/reserves/", &reserve->pub, "/batch-withdraw");
    }
    peer_post(p, path, &body, a);
    buf_free(&body);
}

/* What the reply's signatures make of the planchets: 0, or the first error. */
static inline int take_coins(const struct peer *p, struct coin coins[], size_t count,
                             const struct answer *a)
{
    struct taler_rsa_value sigs[16];
    int error = count == 1 && p->protocol->single_withdraw
                    ? taler_withdraw_reply_read(sigs, buf_slice(&a->body), NULL)
                    : taler_batch_withdraw_reply_read(sigs, count, buf_slice(&a->body), NULL);
    for (size_t i = 0; i < count && !error; i++)
        error = taler_planchet_finish(&coins[i].sig, &coins[i].planchet, coins[i].denom, &sigs[i]);
    return error;
}

static inline void withdraw_coins(const struct peer *p, const struct taler_key *reserve,
                                  struct coin coins[], size_t count)
{
    struct answer a;
    ask_for_coins(p, reserve, coins, count, &a);
    if (a.status != 200)
        fail_msg("withdraw: %d %s", a.status, (const char *)a.body.data);
    assert_int_equal(take_coins(p, coins, count, &a), 0);
    answer_free(&a);
}

struct payment {
    struct taler_deposit_terms terms;
    struct taler_hash h_wire;
    struct taler_deposit_coin coins[16];
    struct taler_amount fees[16];
    size_t count;
};

static inline void new_payment(struct payment *pay, const char *payto)
{
    *pay = (struct payment){0};
    snprintf(pay->terms.merchant_payto, sizeof pay->terms.merchant_payto, "%s", payto);
    random_bytes(&pay->terms.wire_salt, sizeof pay->terms.wire_salt);
    random_bytes(&pay->terms.h_contract, sizeof pay->terms.h_contract);
    struct taler_key merchant;
    new_key(&merchant);
    pay->terms.merchant = merchant.pub;
    pay->terms.timestamp_s = pay->terms.refund_deadline_s = now_s();
    pay->terms.wire_deadline_s = pay->terms.timestamp_s + 10;
    taler_hash_wire(&pay->h_wire, pay->terms.merchant_payto, &pay->terms.wire_salt);
}

static inline void add_coin(const struct peer *p, struct payment *pay, const struct coin *coin,
                            const char *contribution)
{
    struct taler_deposit_coin *c = &pay->coins[pay->count];
    c->coin = coin->planchet.coin.pub;
    c->contribution = amount(contribution);
    c->h_denom = coin->denom->hash;
    c->denom_sig = coin->sig;
    pay->fees[pay->count++] = coin->denom->fee_deposit;
    struct taler_statement s;
    taler_deposit_statement(&s, p->protocol->deposit_layout, &pay->terms, &pay->h_wire, c,
                            &coin->denom->fee_deposit);
    taler_sign(&c->coin_sig, &coin->planchet.coin, &s);
}

static inline void send_payment(const struct peer *p, const struct payment *pay, struct answer *a)
{
    struct buf body = {0};
    char path[256] = "/batch-deposit";
    if (pay->count == 1 && p->protocol->single_deposit) {
        taler_deposit_request_write(&body, &pay->terms, &pay->coins[0]);
        path_of(path, "/coins/", &pay->coins[0].coin, "/deposit");
    } else {
        taler_batch_deposit_request_write(&body, &pay->terms, pay->coins, pay->count);
    }
    peer_post(p, path, &body, a);
    buf_free(&body);
}

/* Reads and verifies the confirmation. */
static inline int check_confirmation(const struct peer *p, const struct payment *pay,
                                     const struct answer *a)
{
    struct taler_deposit_reply reply;
    struct taler_deposit_facts facts = {&pay->terms, &pay->h_wire, pay->coins, pay->fees,
                                        pay->count};
    bool single = pay->count == 1 && p->protocol->single_deposit;
    int error = taler_deposit_reply_read(&reply, single, p->protocol->confirm, pay->count,
                                         buf_slice(&a->body), NULL);
    return error ? error : taler_deposit_check(&reply, p->keys, &facts);
}

/* The code of an error reply. */
static inline int64_t code_of(const struct answer *a)
{
    cJSON *tree = NULL;
    int64_t code = -1;
    assert_int_equal(json_parse(&tree, buf_slice(&a->body), NULL), 0);
    assert_true(json_int(tree, "code", &code));
    assert_non_null(json_string(tree, "hint"));
    cJSON_Delete(tree);
    return code;
}

#endif
