/* GET /reserves/$PUB: the balance, at once or (long polling) when the exchange has seen the
 * transfer. */
#include <stdlib.h>

#include "core/util/clock.h"
#include "simulators/taler/standin_service.h"

#define POLL_MAX_NS (600 * NS_PER_S)

struct waiter {
    struct lane_timer timer; /* first, so that the timer's address is the waiter's */
    struct standin_service *s;
    struct exchange *x;
    struct taler_pub reserve;
    struct waiter *next, **link;
};

static struct waiter **bucket(struct standin_service *s, const struct taler_pub *reserve)
{
    return &s->waiters[get_u16be(reserve->bytes) % WAITER_BUCKETS];
}

static void reply_balance(struct standin_service *s, struct exchange *x,
                          const struct books_reserve *reserve)
{
    struct taler_reserve_status status = {.balance = standin_amount(s, reserve->balance)};
    if (s->protocol->last_origin)
        snprintf(status.last_origin, sizeof status.last_origin, "%s",
                 books_payto(&s->books, reserve));
    if (s->options->lie == LIE_WRONG_BALANCE) {
        s->counts.lies++;
        status.balance.value++;
    }
    buf_clear(&s->out);
    taler_reserve_status_write(&s->out, &status);
    reply_done(s, x, PLACE_RESERVE);
}

static void reply_unknown(struct standin_service *s, struct exchange *x)
{
    int code = s->protocol->version < 17 ? CODE_RESERVE_STATUS_UNKNOWN : CODE_RESERVE_UNKNOWN;
    reply_error(s, x, 404, code, "The reserve is not known to the exchange.");
}

/* Takes the waiter back; its exchange is the caller's to answer. */
static struct exchange *unhook(struct waiter *w)
{
    struct exchange *x = w->x;
    lane_timer_stop(w->s->lane, &w->timer);
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    free(w);
    return x;
}

static void waited_long_enough(struct lane_timer *timer)
{
    struct waiter *w = (struct waiter *)timer;
    struct standin_service *s = w->s;
    reply_unknown(s, unhook(w));
}

static void waiter_gone(struct exchange *x)
{
    unhook(exchange_user(x));
}

static void wait_for_transfer(struct standin_service *s, struct exchange *x,
                              const struct taler_pub *reserve, int64_t wait_ns)
{
    struct waiter *w = calloc(1, sizeof *w);
    if (!w) {
        reply_error(s, x, 503, 0, "no memory to wait");
        return;
    }
    struct waiter **head = bucket(s, reserve);
    *w = (struct waiter){.timer = {.fn = waited_long_enough},
                         .s = s,
                         .x = x,
                         .reserve = *reserve,
                         .next = *head,
                         .link = head};
    if (*head)
        (*head)->link = &w->next;
    *head = w;
    s->counts.polls++;
    exchange_set_user(x, w);
    exchange_on_gone(x, waiter_gone);
    lane_timer_set(s->lane, &w->timer, clock_after(clock_ns(), wait_ns));
}

void handle_reserve(struct standin_service *s, struct exchange *x, struct slice arg)
{
    struct taler_pub pub;
    if (!standin_pub(&pub, arg)) {
        reply_error(s, x, 400, CODE_PARAMETER_MALFORMED, "reserve_pub is no public key");
        return;
    }
    const struct books_reserve *reserve = books_reserve(&s->books, &pub);
    if (reserve) {
        reply_balance(s, x, reserve);
        return;
    }
    const char *timeout = exchange_query(x, "timeout_ms");
    long long ms = 0;
    char *end = NULL;
    if (timeout)
        ms = strtoll(timeout, &end, 10);
    if (timeout && (end == timeout || *end || ms < 0)) {
        reply_error(s, x, 400, CODE_PARAMETER_MALFORMED, "timeout_ms is no number");
        return;
    }
    int64_t wait_ns = ms > POLL_MAX_NS / NS_PER_MS ? POLL_MAX_NS : ms * NS_PER_MS;
    if (wait_ns > 0)
        wait_for_transfer(s, x, &pub, wait_ns);
    else
        reply_unknown(s, x);
}

void reserve_credited(struct standin_service *s, const struct taler_pub *pub)
{
    const struct books_reserve *reserve = books_reserve(&s->books, pub);
    for (struct waiter *w = *bucket(s, pub), *next; w; w = next) {
        next = w->next;
        if (taler_equal(&w->reserve, pub))
            reply_balance(s, unhook(w), reserve);
    }
}

void reserve_release(struct standin_service *s)
{
    for (size_t i = 0; i < WAITER_BUCKETS; i++)
        while (s->waiters[i])
            reply_unknown(s, unhook(s->waiters[i]));
}
