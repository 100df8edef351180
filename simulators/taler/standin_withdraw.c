/* POST /reserves/$PUB/withdraw and .../batch-withdraw: the exchange signs planchets blindly. */
#include <stdlib.h>

#include "protocols/taler/hash.h"
#include "protocols/taler/reply.h"
#include "simulators/taler/standin_service.h"

#define HISTORY_MAX \
    2000 /* entries; a reserve of more withdrawals proves its emptiness with these */

/* --- 409: what empties a reserve ----------------------------------------------------------------
 */

static void history_credit(const struct standin_service *s, const struct books_reserve *r,
                           uint32_t index, struct taler_history_entry *entry)
{
    entry->type = TALER_HISTORY_CREDIT;
    entry->timestamp_s = r->time_s;
    entry->wire_reference = (uint64_t)index + 1;
    entry->amount = standin_amount(s, r->amount);
    snprintf(entry->account, sizeof entry->account, "%s", books_payto(&s->books, r));
}

static void history_withdrawal(const struct standin_service *s, const struct books_withdrawal *w,
                               struct taler_history_entry *entry)
{
    const struct taler_denom *denom = &s->keys.set->denoms[w->denom];
    const struct taler_sig *sig = records_at(&s->books.withdrawal_proofs, w->proof);
    entry->type = TALER_HISTORY_WITHDRAW;
    entry->sig = *sig;
    entry->h_wire = w->h_envelope;
    entry->h_denom = denom->hash;
    entry->fee = denom->fee_withdraw;
    entry->amount = denom->cost;
}

static size_t fill_history(const struct standin_service *s, const struct books_reserve *r,
                           uint32_t index, struct taler_history_entry *entries)
{
    size_t n = 0;
    history_credit(s, r, index, &entries[n++]);
    for (uint32_t link = r->withdrawals; link && n < HISTORY_MAX; n++) {
        const struct books_withdrawal *w = records_at(&s->books.withdrawals, link - 1);
        history_withdrawal(s, w, &entries[n]);
        link = w->next;
    }
    return n;
}

static void reply_insufficient(struct standin_service *s, struct exchange *x,
                               const struct taler_pub *pub, uint64_t requested)
{
    uint32_t index = records_find(&s->books.reserves, pub);
    const struct books_reserve *reserve = records_at(&s->books.reserves, index);
    struct taler_error_reply error = {
        .code = TALER_CODE_RESERVE_INSUFFICIENT,
        .hint = "The given reserve does not have sufficient funds to admit the requested withdraw "
                "operation at this time.",
        .has_balance = true,
        .balance = standin_amount(s, reserve->balance),
        .requested = standin_amount(s, requested),
    };
    if (s->books.proofs) {
        error.history = calloc(HISTORY_MAX, sizeof *error.history);
        error.has_history = error.history != NULL;
        if (error.history)
            error.history_count = fill_history(s, reserve, index, error.history);
    }
    s->counts.conflicts++;
    buf_clear(&s->out);
    taler_error_reply_write(&s->out, &error);
    free(error.history);
    reply_with(s, x, 409);
}

/* --- checks and signatures ----------------------------------------------------------------------
 */

/* The planchet may be signed; else an error was answered. */
static bool admit(struct standin_service *s, struct exchange *x, const struct taler_pub *reserve,
                  const struct taler_withdraw_planchet *p, struct books_planchet *entry)
{
    size_t denom;
    if (!standin_denom(s, x, &p->h_denom, true, &denom))
        return false;
    if (p->blinded.len != taler_rsa_public_size(s->keys.set->denoms[denom].rsa)) {
        reply_error(s, x, 400, CODE_PARAMETER_MALFORMED,
                    "rsa_blinded_planchet: not as long as the denomination's key");
        return false;
    }
    entry->denom = (uint32_t)denom;
    entry->reserve_sig = p->reserve_sig;
    taler_hash_envelope(&entry->h_envelope, &p->h_denom, &p->blinded);
    struct taler_statement statement = {.layout = TALER_WITHDRAW};
    statement.withdraw.amount_with_fee = s->keys.set->denoms[denom].cost;
    statement.withdraw.h_denom = p->h_denom;
    statement.withdraw.h_envelope = entry->h_envelope;
    if (!taler_verify(&p->reserve_sig, reserve, &statement)) {
        reply_error(s, x, 403, CODE_RESERVE_SIGNATURE,
                    "The signature of the reserve is not valid.");
        return false;
    }
    return true;
}

/* As RSA is deterministic, signing again repeats the first reply. */
static bool sign_blindly(struct standin_service *s, struct exchange *x,
                         const struct taler_withdraw_planchet *p, uint32_t denom,
                         struct taler_rsa_value *sig)
{
    if (taler_rsa_blind_sign(sig, s->keys.by_denom[denom], &p->blinded)) {
        reply_error(s, x, 400, CODE_PARAMETER_MALFORMED,
                    "rsa_blinded_planchet: not below the denomination's modulus");
        return false;
    }
    return true;
}

static void lie_about(struct standin_service *s, struct taler_rsa_value *sig, uint32_t denom)
{
    struct taler_rsa_value *last = &s->last_sigs[denom];
    if (s->options->lie == LIE_BLIND_SIGNATURE) {
        sig->bytes[sig->len - 1] ^= 1;
        s->counts.lies++;
    } else if (s->options->lie == LIE_REUSED_BLIND_SIGNATURE) {
        if (!last->len)
            *last = *sig;
        else
            s->counts.lies++;
        *sig = *last;
    }
}

/* Everything but the reply: admits all planchets, signs them, and only then enters them. */
static bool withdraw(struct standin_service *s, struct exchange *x, struct slice arg, size_t count)
{
    struct standin_room *room = s->room;
    struct taler_pub reserve;
    if (!standin_pub(&reserve, arg)) {
        reply_error(s, x, 400, CODE_PARAMETER_MALFORMED, "reserve_pub is no public key");
        return false;
    }
    for (size_t i = 0; i < count; i++)
        if (!admit(s, x, &reserve, &room->planchets[i], &room->entries[i]))
            return false;
    uint64_t requested;
    for (size_t i = 0; i < count; i++)
        if (!sign_blindly(s, x, &room->planchets[i], room->entries[i].denom, &room->sigs[i]))
            return false;
    switch (books_withdraw(&s->books, &reserve, room->entries, count, &requested)) {
    case BOOKS_UNKNOWN:
        reply_error(s, x, 404, CODE_RESERVE_UNKNOWN, "The reserve is not known to the exchange.");
        return false;
    case BOOKS_INSUFFICIENT:
        reply_insufficient(s, x, &reserve, requested);
        return false;
    case BOOKS_REPLAY:
        s->counts.replays++;
        break;
    default:
        break;
    }
    for (size_t i = 0; i < count; i++)
        lie_about(s, &room->sigs[i], room->entries[i].denom);
    buf_clear(&s->out);
    return true;
}

void handle_withdraw(struct standin_service *s, struct exchange *x, struct slice arg)
{
    struct taler_fault fault = {""};
    if (taler_withdraw_request_read(&s->room->planchets[0], exchange_body(x), &fault)) {
        reply_malformed(s, x, &fault);
        return;
    }
    if (!withdraw(s, x, arg, 1))
        return;
    taler_withdraw_reply_write(&s->out, &s->room->sigs[0]);
    reply_done(s, x, PLACE_WITHDRAW);
}

void handle_batch_withdraw(struct standin_service *s, struct exchange *x, struct slice arg)
{
    struct taler_fault fault = {""};
    size_t count;
    if (taler_batch_withdraw_request_read(s->room->planchets, TALER_BATCH_MAX, &count,
                                          exchange_body(x), &fault)) {
        reply_malformed(s, x, &fault);
        return;
    }
    if (!withdraw(s, x, arg, count))
        return;
    if (s->options->lie == LIE_FEWER_BLIND_SIGNATURES) {
        count--;
        s->counts.lies++;
    }
    taler_batch_withdraw_reply_write(&s->out, s->room->sigs, count);
    reply_done(s, x, PLACE_WITHDRAW);
}
