#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>

enum { HEAD_BYTES = 8192 };

typedef struct {
    int backend_fd, target_port;
    const char *path, *trusted; /* trusted: the certificate of a target that speaks TLS */
    char **headers; /* one for each handshake in turn */
    size_t header_count;
    unsigned connections, up, down, handshakes;
    size_t size;
    double warm, seconds, rate;
    int reconnect;
} Options;

extern Options options;

void read_options(int count, char **values);

#endif
