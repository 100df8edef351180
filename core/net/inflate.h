/* Undoes Content-Encoding gzip and deflate, bounded. */
#ifndef SHOAL_CORE_NET_INFLATE_H
#define SHOAL_CORE_NET_INFLATE_H

#include "core/util/bytes.h"

/* Appends to out (whose limit bounds it): gzip, zlib or raw deflate, told apart by their first
 * bytes. 0, SHOAL_E_BAD_INPUT, SHOAL_E_LIMIT or SHOAL_E_NOMEM. */
int inflate_all(struct slice in, struct buf *out);

#endif
