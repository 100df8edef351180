/* What a wallet stores before it sends a request that moves money: enough to send the same bytes
 * again and to finish what they began. Pure functions; the bodies' meaning is in fund.c, withdraw.c
 * and pay.c.
 *
 * Record: created u64be us | kind u8 | flags u8 | path u16be | extra u32be | path | extra | body.
 * Keyed by iteration and a number, so that they are replayed in the order they were made.
 */
#ifndef SHOAL_SIMULATORS_TALER_INTENTS_H
#define SHOAL_SIMULATORS_TALER_INTENTS_H

#include <stdbool.h>

#include "core/util/bytes.h"

#define INTENT_KEY_SIZE 10
#define INTENT_HEAD_SIZE 16
#define INTENT_PATH_MAX 512 /* with the NUL */

enum intent_kind { INTENT_FUND = 1, INTENT_WITHDRAW, INTENT_PAY, INTENT_KINDS };

enum intent_flags { INTENT_ACKNOWLEDGED = 1 }; /* fund: the bank has answered that it is done */

struct intent {
    uint8_t key[INTENT_KEY_SIZE];
    enum intent_kind kind;
    uint64_t created_us;
    const char *path;
    struct slice extra; /* what finishing needs and the body does not say */
    struct slice body;
    struct slice record;
    bool acknowledged;
};

void intent_key(uint8_t out[INTENT_KEY_SIZE], uint64_t iteration, uint16_t number);
uint64_t intent_iteration(const struct intent *i);

/* Bytes of the record that i->path, i->extra and i->body make. */
size_t intent_size(const struct intent *i);
/* Writes them; then i->record, extra and body point into it. */
void intent_write(struct intent *i, uint8_t *record);
/* SHOAL_E_CORRUPT. The path is copied to `path`; the slices point into `value`. */
int intent_from_record(struct intent *out, struct slice key, struct slice value,
                       char path[INTENT_PATH_MAX]) __attribute__((warn_unused_result));

#endif
