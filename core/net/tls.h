/* One X509 store per process and set of extra anchors, shared by all connections.
 *
 * libcurl would load the system's trust store once per multi handle (21 ms and 0.8 MiB each).
 */
#ifndef SHOAL_CORE_NET_TLS_H
#define SHOAL_CORE_NET_TLS_H

#include <curl/curl.h>

struct tls_trust;

#define TLS_WHY_MAX 160

/* The system's anchors and those of `ca_file` (NULL: none). NULL with *why when it cannot be read.
 * Costs some 20 ms: once per target, off the hot path. */
struct tls_trust *tls_trust_new(const char *ca_file, const char **why);
void tls_trust_free(struct tls_trust *trust);

/* CURLOPT_SSL_CTX_FUNCTION with the trust as CURLOPT_SSL_CTX_DATA. */
CURLcode tls_trust_apply(CURL *curl, void *ssl_ctx, void *trust);

#endif
