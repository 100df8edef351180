#include <stdlib.h>

#include "protocols/taler/base32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a text: what decodes encodes back to its canonical form. As bytes: there and back. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[1024], again[1024];
    char text[TALER_B32_LEN(sizeof(bytes)) + 1];
    if (size > sizeof(bytes))
        return 0;
    size_t decoded = TALER_B32_BYTES(size);
    if (taler_b32_decode(bytes, decoded, (const char *)data, size) == 0) {
        taler_b32_encode(text, sizeof(text), bytes, decoded);
        if (strlen(text) != size || taler_b32_decode(again, decoded, text, size) ||
            memcmp(bytes, again, decoded) != 0)
            abort();
    }
    taler_b32_encode(text, sizeof(text), data, size);
    if (taler_b32_decode(again, size, text, strlen(text)) || memcmp(again, data, size) != 0)
        abort();
    return 0;
}
