/* A TLS server for tests: certificates made on the spot, HTTP/1.1 and a little HTTP/2, a thread for
 * each connection. It answers every request with "SNI|HOST|CLIENT CERTIFICATE'S NAME". */
#ifndef SHOAL_TESTS_TLS_SERVER_H
#define SHOAL_TESTS_TLS_SERVER_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tests/unit/core/net/hostile.h"

#define TLS_CONNECTIONS_MAX 256

/* --- certificates ----------------------------------------------------------------------------- */

struct identity {
    X509 *cert;
    EVP_PKEY *key;
};

struct identity_options {
    const char *name;
    const struct identity *issuer; /* NULL: itself, and an authority */
    const char *san;               /* "DNS:tls.test,IP:127.0.0.1" */
    long from_s, to_s;             /* of its validity, from now */
};

static inline void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    X509_add_ext(cert, e, -1);
    X509_EXTENSION_free(e);
}

static inline struct identity identity_new(struct identity_options o)
{
    static long serial = 1;
    struct identity id = {X509_new(), EVP_EC_gen("P-256")};
    X509_NAME *name = X509_get_subject_name(id.cert);
    X509 *issuer = o.issuer ? o.issuer->cert : id.cert;
    X509_set_version(id.cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(id.cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(id.cert), o.from_s);
    X509_gmtime_adj(X509_getm_notAfter(id.cert), o.to_s ? o.to_s : 3600);
    X509_set_pubkey(id.cert, id.key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)o.name, -1, -1, 0);
    X509_set_issuer_name(id.cert, X509_get_subject_name(issuer));
    extend(id.cert, issuer, NID_basic_constraints,
           o.issuer ? "critical,CA:FALSE" : "critical,CA:TRUE");
    if (o.san) {
        extend(id.cert, issuer, NID_subject_alt_name, o.san);
    }
    X509_sign(id.cert, o.issuer ? o.issuer->key : id.key, EVP_sha256());
    return id;
}

static inline void identity_free(struct identity *id)
{
    X509_free(id->cert);
    EVP_PKEY_free(id->key);
}

/* Either path may be NULL. */
static inline void identity_save(const struct identity *id, const char *cert, const char *key)
{
    FILE *f = cert ? fopen(cert, "w") : NULL;
    if (f) {
        PEM_write_X509(f, id->cert);
        fclose(f);
    }
    f = key ? fopen(key, "w") : NULL;
    if (f) {
        PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL);
        fclose(f);
    }
}

/* --- the server ------------------------------------------------------------------------------- */

struct tls_server {
    SSL_CTX *ctx;
    bool http2;
    int listen_fd;
    unsigned port;
    atomic_bool stop;
    pthread_t thread, threads[TLS_CONNECTIONS_MAX];
    int count;
};

struct tls_connection {
    struct tls_server *server;
    int fd;
};

static inline void tls_reply_text(SSL *ssl, const char *host, char out[256])
{
    char name[64] = "none";
    const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    X509 *cert = SSL_get0_peer_certificate(ssl);
    if (cert) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, name, sizeof name);
    }
    snprintf(out, 256, "%s|%s|%s", sni ? sni : "none", host, name);
}

static inline bool tls_read(struct tls_server *s, SSL *ssl, uint8_t *out, size_t len)
{
    size_t got = 0;
    while (got < len) {
        struct pollfd p = {.fd = SSL_get_fd(ssl), .events = POLLIN};
        if (atomic_load(&s->stop)) {
            return false;
        }
        if (!SSL_pending(ssl) && poll(&p, 1, 10) <= 0) {
            continue;
        }
        int n = SSL_read(ssl, out + got, (int)(len - got));
        if (n <= 0) {
            return false;
        }
        got += (size_t)n;
    }
    return true;
}

static inline void tls_http1(struct tls_server *s, SSL *ssl)
{
    char head[4096], text[256], reply[512];
    size_t len = 0;
    while (len < sizeof head - 1 && tls_read(s, ssl, (uint8_t *)head + len, 1)) {
        head[++len] = '\0';
        if (len < 4 || memcmp(head + len - 4, "\r\n\r\n", 4) != 0) {
            continue;
        }
        char host[64] = "none";
        const char *line = strstr(head, "Host: ");
        if (line) {
            sscanf(line, "Host: %63[^:\r]", host);
        }
        tls_reply_text(ssl, host, text);
        int size = snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                            strlen(text), text);
        SSL_write(ssl, reply, size);
        len = 0;
    }
}

static inline void h2_frame(SSL *ssl, uint8_t type, uint8_t flags, uint32_t stream,
                            const void *data, size_t len)
{
    uint8_t frame[512] = {0, (uint8_t)(len >> 8),    (uint8_t)len,   type, flags, 0,
                          0, (uint8_t)(stream >> 8), (uint8_t)stream};
    memcpy(frame + 9, data, len);
    SSL_write(ssl, frame, (int)(9 + len));
}

/* SETTINGS are acknowledged, every HEADERS frame is taken for a whole request. */
static inline void tls_http2(struct tls_server *s, SSL *ssl)
{
    static const uint8_t status_200[] = {0x88}; /* the static table's entry */
    uint8_t head[9], body[16384];
    char text[256];
    if (!tls_read(s, ssl, body, 24)) {
        return;
    }
    h2_frame(ssl, 4, 0, 0, "", 0);
    while (tls_read(s, ssl, head, 9)) {
        size_t len = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
        uint32_t stream = (uint32_t)head[7] << 8 | head[8];
        if (len > sizeof body || !tls_read(s, ssl, body, len)) {
            return;
        }
        if (head[3] == 4 && !(head[4] & 1)) {
            h2_frame(ssl, 4, 1, 0, "", 0);
        } else if (head[3] == 1) {
            tls_reply_text(ssl, "h2", text);
            h2_frame(ssl, 1, 4, stream, status_200, 1);
            h2_frame(ssl, 0, 1, stream, text, strlen(text));
        }
    }
}

static inline void *tls_connection_main(void *arg)
{
    struct tls_connection c = *(struct tls_connection *)arg;
    SSL *ssl = SSL_new(c.server->ctx);
    struct timeval patience = {.tv_sec = 5};
    free(arg);
    setsockopt(c.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    SSL_set_fd(ssl, c.fd);
    if (SSL_accept(ssl) == 1) {
        const unsigned char *alpn;
        unsigned alpn_len;
        SSL_get0_alpn_selected(ssl, &alpn, &alpn_len);
        if (alpn_len == 2) {
            tls_http2(c.server, ssl);
        } else {
            tls_http1(c.server, ssl);
        }
        SSL_shutdown(ssl);
    } else {
        char unread[1024]; /* would turn our alert into a reset */
        shutdown(c.fd, SHUT_WR);
        while (recv(c.fd, unread, sizeof unread, 0) > 0) {
        }
    }
    SSL_free(ssl);
    close(c.fd);
    return NULL;
}

static inline void *tls_server_main(void *arg)
{
    struct tls_server *s = arg;
    while (!atomic_load(&s->stop)) {
        struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};
        int fd = poll(&p, 1, 10) > 0 ? accept(s->listen_fd, NULL, NULL) : -1;
        if (fd >= 0 && s->count < TLS_CONNECTIONS_MAX) {
            struct tls_connection *c = malloc(sizeof *c);
            *c = (struct tls_connection){s, fd};
            pthread_create(&s->threads[s->count++], NULL, tls_connection_main, c);
        }
    }
    return NULL;
}

static inline int tls_choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                             const unsigned char *in, unsigned in_len, void *arg)
{
    struct tls_server *s = arg;
    static const unsigned char both[] = "\x02h2\x08http/1.1", one[] = "\x08http/1.1";
    unsigned char *chosen;
    int found = SSL_select_next_proto(&chosen, out_len, s->http2 ? both : one,
                                      s->http2 ? sizeof both - 1 : sizeof one - 1, in, in_len);
    *out = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* `clients_from` (NULL: not asked for): whose certificates clients must show. */
static inline void tls_server_open(struct tls_server *s, const struct identity *id,
                                   const struct identity *clients_from)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    bool http2 = s->http2;
    memset(s, 0, sizeof *s);
    s->http2 = http2;
    s->ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(s->ctx, id->cert);
    SSL_CTX_use_PrivateKey(s->ctx, id->key);
    SSL_CTX_set_alpn_select_cb(s->ctx, tls_choose, s);
    if (clients_from) {
        X509_STORE_add_cert(SSL_CTX_get_cert_store(s->ctx), clients_from->cert);
        SSL_CTX_set_verify(s->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(s->listen_fd, (struct sockaddr *)&at, len) != 0 || listen(s->listen_fd, 64) != 0 ||
        getsockname(s->listen_fd, (struct sockaddr *)&at, &len) != 0) {
        abort();
    }
    s->port = ntohs(at.sin_port);
    pthread_create(&s->thread, NULL, tls_server_main, s);
}

static inline void tls_server_close(struct tls_server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < s->count; i++) {
        pthread_join(s->threads[i], NULL);
    }
    close(s->listen_fd);
    SSL_CTX_free(s->ctx);
}

#endif
