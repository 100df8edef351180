/* How this module's bodies are read and written; internal to protocols/taler.
 *
 * Reading is sticky: after the first fault every read does nothing and body_close returns the code.
 * What was read is cleared first, so nothing is ever used uninitialised. Writing appends members to
 * a buf; commas follow from what stands before. */
#ifndef SHOAL_PROTOCOLS_TALER_BODY_H
#define SHOAL_PROTOCOLS_TALER_BODY_H

#include <cjson/cJSON.h>

#include "protocols/taler/amount.h"
#include "protocols/taler/timestamp.h"

struct body {
    cJSON *root;
    const cJSON *at; /* the object whose members are read */
    int error;
    struct taler_fault *fault; /* may be NULL */
};

/* Parses an object. */
void body_open(struct body *b, struct slice text, struct taler_fault *fault);
/* Frees the tree and returns the first error. */
int body_close(struct body *b);
/* Records "member: what", unless a fault is recorded already. */
void body_fail(struct body *b, int error, const char *member, const char *what);

bool body_has(const struct body *b, const char *member);
/* Turns to another object (a member, an array's element); returns where it was. */
const cJSON *body_enter(struct body *b, const cJSON *object);

void body_bytes(struct body *b, const char *member, void *out, size_t size);
/* Bytes of any length up to `max`; returns the length. */
size_t body_bytes_up_to(struct body *b, const char *member, void *out, size_t max);
void body_rsa(struct body *b, const char *member, struct taler_rsa_value *out);
void body_amount(struct body *b, const char *member, struct taler_amount *out);
void body_time(struct body *b, const char *member, uint64_t *out_s);
/* A whole number in [0, 2^53]. */
void body_u64(struct body *b, const char *member, uint64_t *out);
/* Longer texts are a fault; body_text_cut cuts them, and takes a missing one as empty. */
void body_text(struct body *b, const char *member, char *out, size_t cap);
void body_text_cut(struct body *b, const char *member, char *out, size_t cap);
/* NULL (and a fault) when it is missing or of another type. */
const cJSON *body_array(struct body *b, const char *member);
const cJSON *body_object(struct body *b, const char *member);

/* For typed binary values: BODY_BYTES(b, "coin_pub", &out->coin). */
#define BODY_BYTES(b, member, value) body_bytes(b, member, (value)->bytes, sizeof((value)->bytes))

void put_member(struct buf *out, const char *member);             /* ,"member": */
void put_open(struct buf *out, const char *member, char bracket); /* member NULL: an element */
void put_close(struct buf *out, char bracket);
void put_bytes(struct buf *out, const char *member, const void *data, size_t size);
void put_rsa(struct buf *out, const char *member, const struct taler_rsa_value *v);
void put_amount(struct buf *out, const char *member, const struct taler_amount *a);
void put_time(struct buf *out, const char *member, uint64_t t_s);
void put_span(struct buf *out, const char *member, uint64_t us);
void put_u64(struct buf *out, const char *member, uint64_t v);
void put_bool(struct buf *out, const char *member, bool v);
void put_text(struct buf *out, const char *member, const char *text);

#define PUT_BYTES(out, member, value) put_bytes(out, member, (value)->bytes, sizeof((value)->bytes))

#endif
