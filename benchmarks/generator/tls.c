#include "tls.h"

#include "fail.h"

#ifdef WITH_TLS

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL_CTX *context;

static const char *reason(void) {
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "the connection was closed";
}

void tls_trust(const char *certificate) {
    context = SSL_CTX_new(TLS_client_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
        !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") ||
        !SSL_CTX_load_verify_file(context, certificate))
        fail("TLS with %s: %s", certificate, reason());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

Tls *tls_connect(int fd) {
    Tls *tls = SSL_new(context);
    if (!tls || !SSL_set_fd(tls, fd) || !X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), "127.0.0.1"))
        fail("TLS: %s", reason());
    if (SSL_connect(tls) != 1) fail("the TLS handshake failed: %s", reason());
    return tls;
}

void tls_free(Tls *tls) {
    ERR_clear_error();
    SSL_shutdown(tls); /* the close_notify; its answer isn't waited for */
    SSL_free(tls);
}

/* Returns what recv or send would have on failure: -1 with errno, or 0 at the end of the stream. */
static ssize_t failure(Tls *tls, int result) {
    switch (SSL_get_error(tls, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    case SSL_ERROR_SYSCALL: return errno ? -1 : 0;
    default: break;
    }
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return 0;
    errno = EPROTO;
    return -1;
}

ssize_t tls_read(Tls *tls, void *to, size_t count) {
    size_t done;
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(tls, to, count, &done);
    return result == 1 ? (ssize_t)done : failure(tls, result);
}

ssize_t tls_write(Tls *tls, const void *from, size_t count) {
    size_t done;
    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(tls, from, count, &done);
    if (result == 1) return (ssize_t)done;
    if (failure(tls, result) == 0) errno = EPIPE;
    return -1;
}

#else

void tls_trust(const char *certificate) { fail("can't trust %s: compiled without TLS", certificate); }
Tls *tls_connect(int fd) { fail("can't speak TLS on %d: compiled without it", fd); }
void tls_free(Tls *tls) { (void)tls; }
ssize_t tls_read(Tls *tls, void *to, size_t count) { return (void)tls, (void)to, (void)count, -1; }
ssize_t tls_write(Tls *tls, const void *from, size_t count) { return (void)tls, (void)from, (void)count, -1; }

#endif
