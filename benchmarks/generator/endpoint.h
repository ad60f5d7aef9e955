#ifndef ENDPOINT_H
#define ENDPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "frames.h"
#include "tls.h"

/* The ends of WebSocket connections: as many clients as asked for, and what the backend has accepted. */

typedef enum { CLOSED, HANDSHAKING, OPEN } State;

typedef struct {
    int fd, is_client;
    Tls *tls;
    State state;
    int closing;         /* a client has sent its Close */
    uint32_t connection; /* a client's number, modulo how many there are, is its place among the clients */
    uint32_t sent, received;
    unsigned due; /* messages of this round that are still to come */
    Reader reader;
    Burst burst;
    size_t written;
    int blocked; /* waits for room to write on */
    uint8_t pong[2 + 4 + CONTROL_MAX];
    size_t pong_bytes; /* that wait for the end of a frame */
    uint64_t began, base; /* the phase's own */
    char *head;
    size_t head_bytes;
} Endpoint;

/* What a phase wants to know of a client. */
typedef struct {
    void (*opened)(Endpoint *client);   /* its handshake has been answered */
    void (*answered)(Endpoint *client); /* the backend has answered its burst */
    void (*closed)(Endpoint *client);
} Phase;

extern Phase phase;
extern Endpoint *clients;
extern unsigned open_ends;

void endpoints_make(void);
void open_client(Endpoint *client, uint32_t connection); /* and asks for the handshake */
void begin_burst(Endpoint *end);
void write_close(Endpoint *end);

enum { STALL_MS = 5000, SPIN = 0, FOREVER = -1 };

/* Takes what has come, and waits for it so many milliseconds. The process ends when nothing comes in that time. */
void poll_once(int wait_ms);

/* Waits for a line on standard input, and serves the connections meanwhile. Returns whether one came, or the end. */
int await_command(void);

#endif
