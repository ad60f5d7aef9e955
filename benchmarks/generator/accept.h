#ifndef ACCEPT_H
#define ACCEPT_H

enum { ACCEPT_LENGTH = 28 };

/* Writes the Sec-WebSocket-Accept value of a Sec-WebSocket-Key (RFC 6455, 4.2.2), with a final NUL. */
void accept_value(const char *key, char value[ACCEPT_LENGTH + 1]);

#endif
