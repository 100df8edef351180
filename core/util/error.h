/* One error space for the whole program.
 *
 * 0 is success, every failure is one of the negative codes below. Each code has a short stable
 * name (what errors[].kind in summary.json and docs/errors.md show) and one sentence. A kind that
 * only one protocol knows (say, a bad blind signature) is a string of that protocol beside a code
 * from here; see struct failure in core/measure/meter.h.
 */
#ifndef SHOAL_CORE_UTIL_ERROR_H
#define SHOAL_CORE_UTIL_ERROR_H

#define SHOAL_ERRORS(X)                                                                            \
    /* ours */                                                                                     \
    X(NOMEM, -1, "no-memory", "memory could not be had")                                           \
    X(CANCELLED, -2, "cancelled", "the work was cancelled before it finished")                     \
    X(TIMEOUT, -3, "timeout", "the deadline passed before the work finished")                      \
    X(BAD_INPUT, -4, "bad-input", "a value given to us cannot be used")                            \
    X(NOT_FOUND, -5, "not-found", "there is no such thing")                                        \
    X(FULL, -6, "full", "a bounded queue or table is full")                                        \
    X(IO, -7, "io", "reading or writing a file failed")                                            \
    X(NO_SPACE, -8, "no-space", "the disk is full")                                                \
    X(CORRUPT, -9, "corrupt", "stored data is damaged or not ours")                                \
    X(LIMIT, -10, "limit", "a limit of size, depth or count was exceeded")                         \
    X(EXISTS, -11, "exists", "the thing is there already")                                         \
    X(BUSY, -12, "busy", "somebody else is using it")                                              \
    X(INTERNAL, -13, "internal", "a step of our own failed")                                       \
    /* transport: one code for each way an exchange can fail before a whole reply is here */       \
    X(RESOLVE, -20, "resolve", "the host name did not resolve")                                    \
    X(REFUSED, -21, "refused", "the target refused the connection")                                \
    X(UNREACHABLE, -22, "unreachable", "no route to the target, or no port or descriptor of ours") \
    X(CONNECT_TIMEOUT, -23, "connect-timeout", "no connection before the deadline")                \
    X(TLS, -24, "tls", "the TLS handshake or the certificate failed")                              \
    X(RESET, -25, "reset", "the target closed or reset the connection before a reply")             \
    X(SHORT_BODY, -26, "short-body", "the connection ended inside the reply's body")               \
    X(TOO_LARGE, -27, "too-large", "the reply is larger than the limit")                           \
    X(BAD_HTTP, -28, "bad-http", "the reply is not HTTP")                                          \
    X(REDIRECTS, -29, "redirects", "more redirects than are followed")                             \
    X(PROXY, -30, "proxy", "the proxy refused or could not be reached")                            \
    /* replies: a whole reply is here, and is not what the protocol allows or we hoped for */      \
    X(HTTP_STATUS, -40, "http-status", "the target answered with an error status")                 \
    X(BAD_REPLY, -41, "bad-reply", "the reply's body is not what the protocol says")               \
    X(BAD_SIGNATURE, -42, "bad-signature", "a signature of the target does not verify")            \
    X(UNSUPPORTED, -43, "unsupported", "the target speaks a version we do not")                    \
    X(UNEXPECTED, -44, "unexpected", "an outcome the flow did not provoke")                        \
    X(REJECTED, -45, "rejected", "the target refused what the protocol allows")

enum shoal_error {
    SHOAL_OK = 0,
#define SHOAL_ERROR_ENUM(id, code, name, text) SHOAL_E_##id = (code),
    SHOAL_ERRORS(SHOAL_ERROR_ENUM)
#undef SHOAL_ERROR_ENUM
};

/* The stable short name: "refused". "ok" for 0, "unknown" for a code that is none. */
const char *error_name(int code);

/* One sentence without a full stop. */
const char *error_text(int code);

/* The code for an errno value: ENOMEM -> NOMEM, ENOSPC and EDQUOT -> NO_SPACE, else IO. */
int error_from_errno(int err);

#endif
