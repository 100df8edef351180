#include "core/net/inflate.h"

#include <zlib.h>

#include "core/util/error.h"

#define CHUNK 16384
#define WINDOW_ANY (15 + 32) /* gzip or zlib, by their headers */
#define WINDOW_RAW (-15)

static bool has_header(struct slice in)
{
    if (in.len < 2)
        return false;
    bool gzip = in.data[0] == 0x1f && in.data[1] == 0x8b;
    bool zlib = (in.data[0] & 0x0f) == 8 && get_u16be(in.data) % 31 == 0;
    return gzip || zlib;
}

int inflate_all(struct slice in, struct buf *out)
{
    uint8_t chunk[CHUNK];
    z_stream z = {0};
    int code = inflateInit2(&z, has_header(in) ? WINDOW_ANY : WINDOW_RAW);
    if (code != Z_OK)
        return SHOAL_E_NOMEM;
    z.next_in = (Bytef *)(uintptr_t)in.data;
    z.avail_in = (uInt)in.len;
    do {
        z.next_out = chunk;
        z.avail_out = sizeof chunk;
        code = inflate(&z, Z_NO_FLUSH);
        buf_put(out, chunk, sizeof chunk - z.avail_out);
    } while (code == Z_OK && !out->error && (z.avail_in || z.avail_out == 0));
    inflateEnd(&z);
    if (out->error)
        return out->error;
    return code == Z_STREAM_END ? SHOAL_OK : SHOAL_E_BAD_INPUT;
}
