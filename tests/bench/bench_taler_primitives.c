/* CPU time of each Taler primitive on this machine: a table, or one JSON object with --json.
 *
 * Thread CPU time, the best of several rounds, so that a busy machine disturbs it little. The sum
 * for one coin is what a wallet computes to withdraw it in a batch of one and to deposit it alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/util/clock.h"
#include "core/util/log.h"
#include "core/util/random.h"
#include "protocols/taler/base32.h"
#include "protocols/taler/deposit.h"
#include "protocols/taler/hash.h"
#include "protocols/taler/keys_write.h"
#include "protocols/taler/rsa_private.h"
#include "protocols/taler/withdraw.h"
#include "tests/bench/bench.h"

#define ROUNDS 7
#define RSA_BITS 2048
#define NOW_S UINT64_C(1795203200)
#define COIN_BODY "deposit body write"

struct stage {
    struct taler_rsa_private *priv;
    struct taler_denom denom;
    struct taler_key key;
    struct taler_statement withdraw, deposit;
    struct taler_sig sig;
    struct taler_planchet planchet;
    struct taler_rsa_value blind_sig, coin_sig, value;
    struct taler_hash hash;
    uint8_t secret[TALER_PLANCHET_SECRET_SIZE];
    struct taler_deposit_terms terms;
    struct taler_deposit_coin coin;
    struct taler_keyset *keys;
    struct buf keys_text, body, reply;
};

static void must(bool ok, const char *what)
{
    if (!ok)
        die("%s failed", what);
}

static void b32_encode_256(struct stage *s)
{
    char text[TALER_B32_LEN(256) + 1];
    taler_b32_encode(text, sizeof(text), s->blind_sig.bytes, 256);
}

static void b32_decode_256(struct stage *s)
{
    char text[TALER_B32_LEN(256) + 1];
    uint8_t out[256];
    memset(text, 'A', sizeof(text));
    text[TALER_B32_LEN(256) - 1] = '0';
    must(taler_b32_decode(out, sizeof(out), text, TALER_B32_LEN(256)) == 0, "decode");
}

static void sha512_392(struct stage *s)
{
    uint8_t text[392] = {0};
    taler_sha512(&s->hash, &(struct slice){text, sizeof(text)}, 1);
}

static void kdf_32(struct stage *s)
{
    uint8_t out[32];
    taler_kdf(out, sizeof(out),
              &(struct taler_kdf){.salt = slice_str("coin"), .secret = slice_of(s->secret, 32)});
}

static void hash_wire(struct stage *s)
{
    taler_hash_wire(&s->hash, s->terms.merchant_payto, &s->terms.wire_salt);
}

static void keypair(struct stage *s)
{
    struct taler_key key;
    taler_key_from_seed(&key, s->secret);
}

static void sign_withdraw(struct stage *s)
{
    taler_sign(&s->sig, &s->key, &s->withdraw);
}

static void sign_deposit(struct stage *s)
{
    taler_sign(&s->coin.coin_sig, &s->key, &s->deposit);
}

static void verify_deposit(struct stage *s)
{
    must(taler_verify(&s->coin.coin_sig, &s->key.pub, &s->deposit), "verify");
}

static void fdh(struct stage *s)
{
    must(taler_rsa_fdh(&s->value, s->denom.rsa, &s->hash) == 0, "fdh");
}

static void blind(struct stage *s)
{
    struct taler_rsa_blinding b;
    must(taler_rsa_blind(&s->value, &b, s->denom.rsa, s->planchet.bks, &s->hash) == 0, "blind");
}

static void planchet(struct stage *s)
{
    must(taler_planchet_make(&s->planchet, &s->denom, s->secret) == 0, "planchet");
}

static void finish(struct stage *s)
{
    must(taler_planchet_finish(&s->coin_sig, &s->planchet, &s->denom, &s->blind_sig) == 0,
         "finish");
}

static void rsa_verify(struct stage *s)
{
    struct taler_hash h;
    taler_hash_coin(&h, &s->planchet.coin.pub, NULL);
    must(taler_rsa_verify(&s->coin_sig, s->denom.rsa, &h), "rsa verify");
}

static void blind_sign(struct stage *s)
{
    must(taler_rsa_blind_sign(&s->value, s->priv, &s->planchet.blinded) == 0, "sign");
}

static void public_key(struct stage *s)
{
    struct taler_rsa_public *k = taler_rsa_public_new(taler_rsa_private_encoded_public(s->priv));
    must(k, "key");
    taler_rsa_public_free(k);
}

static void write_deposit(struct stage *s)
{
    buf_clear(&s->body);
    taler_deposit_request_write(&s->body, &s->terms, &s->coin);
}

static void read_withdraw_reply(struct stage *s)
{
    must(taler_withdraw_reply_read(&s->value, buf_slice(&s->reply), NULL) == 0, "reply");
}

static void read_keys(struct stage *s)
{
    struct taler_keyset *k;
    must(taler_keyset_read(&k, buf_slice(&s->keys_text), NULL, NULL) == 0, "keys");
    taler_keyset_free(k);
}

/* `per_coin`: how often a wallet does it for one coin withdrawn and deposited. */
static const struct primitive {
    const char *name;
    void (*run)(struct stage *s);
    int times, per_coin;
} primitives[] = {
    {"base32 encode 256 B", b32_encode_256, 2000, 0},
    {"base32 decode 256 B", b32_decode_256, 2000, 0},
    {"sha512 392 B", sha512_392, 2000, 0},
    {"kdf 32 B", kdf_32, 2000, 0},
    {"h_wire", hash_wire, 2000, 1},
    {"ed25519 key pair", keypair, 300, 0},
    {"ed25519 sign 1200", sign_withdraw, 300, 1},
    {"ed25519 sign 1201", sign_deposit, 300, 1},
    {"ed25519 verify", verify_deposit, 200, 1},
    {"rsa fdh", fdh, 500, 0},
    {"rsa blind (with fdh)", blind, 300, 0},
    {"planchet make", planchet, 200, 1},
    {"rsa blind-sign", blind_sign, 30, 0},
    {"planchet finish", finish, 300, 1},
    {"rsa verify (with fdh)", rsa_verify, 300, 0},
    {"public key prepare", public_key, 200, 0},
    {COIN_BODY, write_deposit, 500, 1},
    {"withdraw reply read", read_withdraw_reply, 500, 1},
    {"keys 1 MB read, verify", read_keys, 1, 0},
};
#define PRIMITIVES (sizeof(primitives) / sizeof(primitives[0]))

/* A key set of 1 MB, of numbers that only look like RSA keys: nobody signs with them. */
static void make_keys_text(struct stage *s)
{
    enum { DENOMS = 1300 };
    struct taler_denom_offer *offers = calloc(DENOMS, sizeof(*offers));
    uint8_t *pubs = malloc((size_t)DENOMS * TALER_RSA_ENCODED_MAX);
    struct taler_amount fee;
    size_t len = taler_rsa_private_encoded_public(s->priv).len;
    must(offers && pubs && taler_amount_parse(&fee, "EUR:0.01") == 0, "keys");
    for (size_t i = 0; i < DENOMS; i++) {
        uint8_t *pub = pubs + i * TALER_RSA_ENCODED_MAX;
        memcpy(pub, taler_rsa_private_encoded_public(s->priv).data, len);
        random_bytes(pub + 5, len - 10);
        pub[len - 4] |= 1;
        offers[i] = (struct taler_denom_offer){.cipher = TALER_CIPHER_RSA,
                                               .encoded_pub = slice_of(pub, len),
                                               .start_s = NOW_S + i,
                                               .expire_withdraw_s = NOW_S + 1000,
                                               .expire_deposit_s = NOW_S + 2000,
                                               .expire_legal_s = NOW_S + 3000,
                                               .fee_withdraw = fee,
                                               .fee_deposit = fee,
                                               .fee_refresh = fee,
                                               .fee_refund = fee};
        must(taler_amount_from_units(&offers[i].value, "EUR", (1 + i % 20) * 1000000) == 0, "keys");
    }
    const struct taler_keys_source source = {.protocol = taler_protocol_row(23),
                                             .base_url = "http://localhost/",
                                             .currency = "EUR",
                                             .master = &s->key,
                                             .signkey = &s->key,
                                             .signkey_end_s = TALER_NEVER_S,
                                             .list_issue_s = NOW_S,
                                             .denoms = offers,
                                             .denom_count = DENOMS};
    must(taler_keys_write(&s->keys_text, &source) == 0, "keys");
    free(pubs);
    free(offers);
}

static void make_stage(struct stage *s)
{
    random_bytes(s->secret, sizeof(s->secret));
    taler_key_from_seed(&s->key, s->secret);
    s->priv = taler_rsa_private_generate(RSA_BITS);
    must(s->priv, "key generation");
    s->denom.cipher = TALER_CIPHER_RSA;
    s->denom.rsa = taler_rsa_public_new(taler_rsa_private_encoded_public(s->priv));
    must(taler_amount_parse(&s->denom.cost, "EUR:5.01") == 0, "amount");
    planchet(s);
    must(taler_rsa_blind_sign(&s->blind_sig, s->priv, &s->planchet.blinded) == 0, "sign");
    s->withdraw = (struct taler_statement){.layout = TALER_WITHDRAW};
    s->withdraw.withdraw.amount_with_fee = s->denom.cost;
    snprintf(s->terms.merchant_payto, sizeof(s->terms.merchant_payto),
             "payto://x-taler-bank/localhost/42?receiver-name=42");
    s->coin.contribution = s->denom.cost;
    finish(s);
    s->coin.denom_sig = s->coin_sig;
    taler_deposit_statement(&s->deposit, TALER_DEPOSIT_V17, &s->terms, &s->hash, &s->coin,
                            &s->denom.cost);
    sign_deposit(s);
    taler_withdraw_reply_write(&s->reply, &s->blind_sig);
    make_keys_text(s);
}

static double measure_us(const struct primitive *p, struct stage *s)
{
    double best_us = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start_ns = clock_thread_cpu_ns();
        for (int i = 0; i < p->times; i++)
            p->run(s);
        double us = (double)(clock_thread_cpu_ns() - start_ns) / 1000 / p->times;
        best_us = us < best_us ? us : best_us;
    }
    return best_us;
}

int main(int argc, char **argv)
{
    static struct stage s;
    struct bench_row rows[PRIMITIVES + 1];
    double coin_us = 0;
    if (argc > 1 && !bench_json(argc, argv)) {
        fprintf(stderr, "usage: %s [--json]\n", argv[0]);
        return 2;
    }
    make_stage(&s);
    for (size_t i = 0; i < PRIMITIVES; i++) {
        double us = measure_us(&primitives[i], &s);
        coin_us += us * primitives[i].per_coin;
        rows[i] = (struct bench_row){.name = primitives[i].name,
                                     .unit = "us",
                                     .value = us,
                                     .yardstick = primitives[i].per_coin ? "of a coin" : NULL};
    }
    rows[PRIMITIVES] = (struct bench_row){
        .name = "one coin, its primitives summed", .unit = "us", .value = coin_us};
    bench_print("taler_primitives", rows, PRIMITIVES + 1, bench_json(argc, argv));
    buf_free(&s.keys_text);
    buf_free(&s.body);
    buf_free(&s.reply);
    taler_rsa_public_free(s.denom.rsa);
    taler_rsa_private_free(s.priv);
    return 0;
}
