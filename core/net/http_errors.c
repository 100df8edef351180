/* Why a transfer ended without a whole reply: libcurl's code and the system's to one of ours. */
#include <errno.h>
#include <string.h>

#include "core/net/http_inside.h"
#include "core/util/error.h"

struct pair {
    int from, to;
};

static const struct pair by_code[] = {
    {CURLE_UNSUPPORTED_PROTOCOL, SHOAL_E_BAD_HTTP}, /* a reply without a status line */
    {CURLE_WEIRD_SERVER_REPLY, SHOAL_E_BAD_HTTP},
    {CURLE_HTTP2, SHOAL_E_BAD_HTTP},
    {CURLE_BAD_CONTENT_ENCODING, SHOAL_E_BAD_HTTP},
    {CURLE_HTTP2_STREAM, SHOAL_E_RESET},
    {CURLE_COULDNT_RESOLVE_PROXY, SHOAL_E_PROXY},
    {CURLE_PROXY, SHOAL_E_PROXY},
    {CURLE_COULDNT_RESOLVE_HOST, SHOAL_E_RESOLVE},
    {CURLE_PARTIAL_FILE, SHOAL_E_SHORT_BODY},
    {CURLE_GOT_NOTHING, SHOAL_E_RESET},
    {CURLE_SEND_ERROR, SHOAL_E_RESET},
    {CURLE_RECV_ERROR, SHOAL_E_RESET},
    {CURLE_FILESIZE_EXCEEDED, SHOAL_E_TOO_LARGE},
    {CURLE_SSL_CONNECT_ERROR, SHOAL_E_TLS},
    {CURLE_PEER_FAILED_VERIFICATION, SHOAL_E_TLS},
    {CURLE_SSL_CERTPROBLEM, SHOAL_E_TLS},
    {CURLE_SSL_CIPHER, SHOAL_E_TLS},
    {CURLE_SSL_CACERT_BADFILE, SHOAL_E_TLS},
    {CURLE_SSL_ISSUER_ERROR, SHOAL_E_TLS},
    {CURLE_SSL_INVALIDCERTSTATUS, SHOAL_E_TLS},
    {CURLE_SSL_CLIENTCERT, SHOAL_E_TLS},
    {CURLE_USE_SSL_FAILED, SHOAL_E_TLS},
    {CURLE_SSL_SHUTDOWN_FAILED, SHOAL_E_TLS},
    {CURLE_URL_MALFORMAT, SHOAL_E_BAD_INPUT},
};

static const struct pair by_errno[] = {
    {ECONNREFUSED, SHOAL_E_REFUSED},      {ETIMEDOUT, SHOAL_E_CONNECT_TIMEOUT},
    {ECONNRESET, SHOAL_E_RESET},          {ECONNABORTED, SHOAL_E_RESET},
    {ENETUNREACH, SHOAL_E_UNREACHABLE},   {EHOSTUNREACH, SHOAL_E_UNREACHABLE},
    {EADDRNOTAVAIL, SHOAL_E_UNREACHABLE}, {EMFILE, SHOAL_E_UNREACHABLE},
    {ENFILE, SHOAL_E_UNREACHABLE},        {ENOBUFS, SHOAL_E_UNREACHABLE},
    {EACCES, SHOAL_E_UNREACHABLE},        {EPERM, SHOAL_E_UNREACHABLE},
};

static int look_up(const struct pair *table, size_t count, int from, int otherwise)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].from == from)
            return table[i].to;
    return otherwise;
}

#define LOOK_UP(table, from, otherwise) \
    look_up(table, sizeof(table) / sizeof(table)[0], from, otherwise)

static long info_of(const struct http_easy *easy, CURLINFO which)
{
    long value = 0;
    curl_easy_getinfo(easy->curl, which, &value);
    return value;
}

static int connect_error(const struct http_easy *easy)
{
    if (easy->route->target->proxy.host)
        return SHOAL_E_PROXY;
    int err = easy->socket_errno ? easy->socket_errno : (int)info_of(easy, CURLINFO_OS_ERRNO);
    return LOOK_UP(by_errno, err, SHOAL_E_REFUSED);
}

/* A client certificate that TLS 1.3 refuses shows only after the handshake: OpenSSL's words hold
 * "alert". */
static int lost(const struct http_easy *easy)
{
    if (!easy->head_ns && strstr(easy->error_text, " alert "))
        return SHOAL_E_TLS;
    return easy->in_body ? SHOAL_E_SHORT_BODY : SHOAL_E_RESET;
}

int http_error_of(const struct http_easy *easy, CURLcode code)
{
    bool proxied = easy->route->target->proxy.host != NULL;
    if (code == CURLE_OK) {
        return easy->head_whole ? SHOAL_OK
                                : SHOAL_E_RESET; /* libcurl is content with half a head */
    }
    if (easy->refused_resend)
        return SHOAL_E_RESET;
    if (easy->too_large)
        return SHOAL_E_TOO_LARGE;
    if (easy->bad_head)
        return SHOAL_E_BAD_HTTP;
    if (proxied && !easy->starts && info_of(easy, CURLINFO_HTTP_CONNECTCODE) >= 300)
        return SHOAL_E_PROXY;
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return connect_error(easy);
    case CURLE_OPERATION_TIMEDOUT:
        return easy->starts ? SHOAL_E_TIMEOUT : SHOAL_E_CONNECT_TIMEOUT;
    case CURLE_OUT_OF_MEMORY:
        /* libcurl's word for a header line beyond 100 KiB, too. */
        return easy->starts && !easy->in_body ? SHOAL_E_BAD_HTTP : SHOAL_E_NOMEM;
    case CURLE_RECV_ERROR:
        /* libcurl has no code of its own for a malformed chunk, nor for endless heads. */
        if (strstr(easy->error_text, "hunked-") ||
            strstr(easy->error_text, "Too large response headers"))
            return SHOAL_E_BAD_HTTP;
        return lost(easy);
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2_STREAM:
        return lost(easy);
    default:
        /* Once the request is out, whatever libcurl does not like is the reply. */
        return LOOK_UP(by_code, (int)code, easy->starts ? SHOAL_E_BAD_HTTP : SHOAL_E_INTERNAL);
    }
}
