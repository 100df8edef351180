#include "core/net/tls.h"

#include <openssl/ssl.h>
#include <stdlib.h>

struct tls_trust {
    X509_STORE *store;
};

struct tls_trust *tls_trust_new(const char *ca_file, const char **why)
{
    struct tls_trust *trust = calloc(1, sizeof *trust);
    X509_STORE *store = X509_STORE_new();
    if (!trust || !store) {
        *why = "no memory for the trust store";
        goto fail;
    }
    /* A machine without a trust store is fine as long as nothing asks for one of its anchors. */
    X509_STORE_set_default_paths(store);
    if (ca_file && X509_STORE_load_file(store, ca_file) != 1) {
        *why = "the CA file holds no PEM certificate that can be read";
        goto fail;
    }
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    trust->store = store;
    return trust;
fail:
    X509_STORE_free(store);
    free(trust);
    return NULL;
}

void tls_trust_free(struct tls_trust *trust)
{
    if (!trust) {
        return;
    }
    X509_STORE_free(trust->store);
    free(trust);
}

CURLcode tls_trust_apply(CURL *curl, void *ssl_ctx, void *trust)
{
    SSL_CTX_set1_cert_store(ssl_ctx, ((struct tls_trust *)trust)->store);
    return CURLE_OK;
}

void tls_count_session(CURL *curl, uint64_t *full, uint64_t *resumed)
{
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
        info->backend != CURLSSLBACKEND_OPENSSL || !info->internals) {
        return;
    }
    ++*(SSL_session_reused(info->internals) ? resumed : full);
}
