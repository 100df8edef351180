/* Crockford base32 as GNUnet writes it: alphabet 0123456789ABCDEFGHJKMNPQRSTVWXYZ, bits from the
 * most significant, the last group padded with zero bits, no padding character, no checksum.
 * The reader takes either case, O for 0, I and L for 1, U for V. Padding bits that are not zero are
 * refused, so that one value has one length and one meaning.
 * Reference: section 3; GNUnet src/util/strings.c:716.
 */
#ifndef SHOAL_PROTOCOLS_TALER_BASE32_H
#define SHOAL_PROTOCOLS_TALER_BASE32_H

#include "protocols/taler/types.h"

/* Characters for `size` bytes, without a NUL: 32 -> 52, 64 -> 103. */
#define TALER_B32_LEN(size) (((size)*8 + 4) / 5)
/* Bytes that `len` characters hold: 52 -> 32. */
#define TALER_B32_BYTES(len) ((len)*5 / 8)
#define TALER_PUB_TEXT_MAX (TALER_B32_LEN(TALER_PUB_SIZE) + 1)
#define TALER_HASH_TEXT_MAX (TALER_B32_LEN(TALER_HASH_SIZE) + 1)

/* Writes TALER_B32_LEN(size) characters and a NUL; `cap` must hold them (else it aborts).
 * Returns out. */
char *taler_b32_encode(char *out, size_t cap, const void *data, size_t size);

/* Exactly `size` bytes from exactly TALER_B32_LEN(size) characters, else SHOAL_E_BAD_INPUT. */
int taler_b32_decode(void *out, size_t size, const char *text, size_t text_len) TALER_CHECKED;

/* Appends the characters; an encoder's inner step, no quotes. */
void taler_b32_put(struct buf *out, const void *data, size_t size);

#endif
