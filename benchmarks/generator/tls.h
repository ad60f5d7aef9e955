#ifndef TLS_H
#define TLS_H

#include <stddef.h>
#include <sys/types.h>

/* The client's side of TLS: version 1.3 with TLS_AES_128_GCM_SHA256, so that all targets do the same work.
 * Without WITH_TLS none of this works, and OpenSSL isn't needed. */

typedef struct ssl_st Tls;

void tls_trust(const char *certificate); /* from now on; a PEM file */
Tls *tls_connect(int fd);                /* blocks; ends the process when the target isn't the trusted one */
void tls_free(Tls *tls);

/* As recv(2) and send(2) on a socket that doesn't block. */
ssize_t tls_read(Tls *tls, void *to, size_t count);
ssize_t tls_write(Tls *tls, const void *from, size_t count);

#endif
