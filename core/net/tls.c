#include "core/net/tls.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct tls_trust {
    pthread_mutex_t lock;
    X509_STORE *store; /* NULL: not loaded yet */
    char *ca_file;
};

struct tls_trust *tls_trust_new(const char *ca_file)
{
    struct tls_trust *trust = calloc(1, sizeof *trust);
    char *copy = ca_file ? strdup(ca_file) : NULL;
    if (!trust || (ca_file && !copy)) {
        free(trust);
        free(copy);
        return NULL;
    }
    pthread_mutex_init(&trust->lock, NULL);
    trust->ca_file = copy;
    return trust;
}

void tls_trust_free(struct tls_trust *trust)
{
    if (!trust)
        return;
    X509_STORE_free(trust->store);
    pthread_mutex_destroy(&trust->lock);
    free(trust->ca_file);
    free(trust);
}

static X509_STORE *load(const char *ca_file)
{
    X509_STORE *store = X509_STORE_new();
    if (!store)
        return NULL;
    /* A machine without a trust store is fine as long as nothing asks for one of its anchors. */
    X509_STORE_set_default_paths(store);
    if (ca_file && X509_STORE_load_file(store, ca_file) != 1) {
        X509_STORE_free(store);
        return NULL;
    }
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

bool tls_trust_load(struct tls_trust *trust)
{
    pthread_mutex_lock(&trust->lock);
    if (!trust->store)
        trust->store = load(trust->ca_file);
    bool loaded = trust->store != NULL;
    pthread_mutex_unlock(&trust->lock);
    return loaded;
}

CURLcode tls_trust_apply(CURL *curl, void *ssl_ctx, void *arg)
{
    struct tls_trust *trust = arg;
    if (!tls_trust_load(trust))
        return CURLE_SSL_CACERT_BADFILE;
    SSL_CTX_set1_cert_store(ssl_ctx, trust->store);
    return CURLE_OK;
}

void tls_count_session(CURL *curl, uint64_t *full, uint64_t *resumed)
{
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || !info ||
        info->backend != CURLSSLBACKEND_OPENSSL || !info->internals)
        return;
    ++*(SSL_session_reused(info->internals) ? resumed : full);
}
