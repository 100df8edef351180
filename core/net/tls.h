/* One X509 store for all connections of a target, or of several: libcurl would load the system's
 * once per multi handle (21 ms and 0.8 MiB each).
 */
#ifndef SHOAL_CORE_NET_TLS_H
#define SHOAL_CORE_NET_TLS_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct tls_trust;

/* The system's anchors and those of `ca_file` (NULL: none), loaded when first needed. NULL without
 * memory. */
struct tls_trust *tls_trust_new(const char *ca_file);
void tls_trust_free(struct tls_trust *trust);

/* [any thread] Load now; false when `ca_file` holds no certificate that can be read. */
bool tls_trust_load(struct tls_trust *trust);

/* CURLOPT_SSL_CTX_FUNCTION with the trust as CURLOPT_SSL_CTX_DATA. */
CURLcode tls_trust_apply(CURL *curl, void *ssl_ctx, void *trust);

/* For a handle whose TLS connection was just made: counts it as a full or a resumed handshake. */
void tls_count_session(CURL *curl, uint64_t *full, uint64_t *resumed);

#endif
