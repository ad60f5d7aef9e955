#define _GNU_SOURCE
#include "endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "accept.h"
#include "fail.h"
#include "options.h"

enum { READ_BYTES = 1 << 18, MASK = 0x5A17C39D, SOURCES = 100, LATE_CLOSES = 1000 };

Phase phase;
Endpoint *clients;
unsigned open_ends;

static Endpoint *backends, **spare, listener, commands = {.fd = STDIN_FILENO};
static int commanded;
static unsigned spares;
static int poller;
static size_t asked;
static uint8_t input[READ_BYTES];

static const char *side(const Endpoint *end) { return end->is_client ? "client" : "backend"; }

/* Sockets */

static void watch(Endpoint *end, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = end};
    if (epoll_ctl(poller, operation, end->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void adopt(Endpoint *end, int fd, int is_client) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    end->fd = fd;
    end->is_client = is_client;
    end->tls = is_client && options.trusted ? tls_connect(fd) : NULL;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    end->state = HANDSHAKING;
    end->closing = end->blocked = 0;
    end->sent = end->received = 0;
    end->head_bytes = end->pong_bytes = 0;
    if (!(end->head = malloc(HEAD_BYTES))) fail("no memory");
    reader_make(&end->reader, options.size, !is_client);
    if (!end->burst.bytes)
        burst_make(&end->burst, is_client ? options.up : options.down, options.size, is_client ? MASK : 0);
    end->written = end->burst.length;
    end->due = is_client ? options.down : options.up;
    watch(end, EPOLL_CTL_ADD, EPOLLIN);
    open_ends++;
}

static void hang_up(Endpoint *end) {
    if (end->tls) tls_free(end->tls);
    close(end->fd);
    free(end->head);
    end->head = NULL;
    end->state = CLOSED;
    open_ends--;
    if (!end->is_client) spare[spares++] = end;
}

static ssize_t write_some(Endpoint *end, const void *bytes, size_t count) {
    return end->tls ? tls_write(end->tls, bytes, count) : send(end->fd, bytes, count, MSG_NOSIGNAL);
}

static void write_whole(Endpoint *end, const void *bytes, size_t count) {
    if (write_some(end, bytes, count) != (ssize_t)count) fail("a short write on a %s: %s", side(end), strerror(errno));
}

static void write_pong(Endpoint *end) {
    if (end->pong_bytes) write_whole(end, end->pong, end->pong_bytes);
    end->pong_bytes = 0;
}

static void write_burst(Endpoint *end) {
    while (end->written < end->burst.length) {
        ssize_t count = write_some(end, end->burst.bytes + end->written, end->burst.length - end->written);
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) fail("connection %" PRIu32 ", %s: can't write: %s", end->connection, side(end), strerror(errno));
        end->written += (size_t)count;
    }
    int blocked = end->written < end->burst.length;
    if (!blocked) write_pong(end);
    if (blocked != end->blocked) watch(end, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    end->blocked = blocked;
}

void begin_burst(Endpoint *end) {
    if (end->written < end->burst.length) fail("connection %" PRIu32 ": the last write isn't over", end->connection);
    burst_stamp(&end->burst, end->connection, &end->sent);
    end->written = 0;
    write_burst(end);
}

static void receive(Endpoint *end, Stamp stamp) {
    if (!end->is_client && !end->received) end->connection = stamp.connection;
    if (stamp.connection != end->connection) fail("a %s got a message of another connection", side(end));
    if (stamp.number != end->received++)
        fail("connection %" PRIu32 ": a %s lost a message or got one twice", end->connection, side(end));
    if (--end->due) return;
    end->due = end->is_client ? options.down : options.up;
    if (end->is_client) phase.answered(end);
    else begin_burst(end);
}

/* A Pong says what the Ping said (RFC 6455, 5.5.3); a client's is masked, with zeros. */
static void answer_ping(Endpoint *end) {
    size_t length = end->reader.length, header = end->is_client ? 6 : 2;
    memset(end->pong, 0, header);
    end->pong[0] = 0x8A;
    end->pong[1] = (uint8_t)(length | (end->is_client ? 0x80 : 0));
    memcpy(end->pong + header, end->reader.control, length);
    end->pong_bytes = header + length;
    if (end->written == end->burst.length) write_pong(end);
}

/* Closing: the client begins, the backend answers and hangs up (RFC 6455, 7.1) */

void write_close(Endpoint *end) {
    static const uint8_t plain[] = {0x88, 2, 1000 >> 8, 1000 & 255};
    static const uint8_t masked[] = {0x88, 0x82, 0, 0, 0, 0, 1000 >> 8, 1000 & 255};
    if (end->is_client) write_whole(end, masked, sizeof masked);
    else write_whole(end, plain, sizeof plain);
    end->closing = 1;
}

/* The backend knows whose connection it has only from the first message; its client may have gone on to the next. */
static int close_is_due(const Endpoint *end) {
    if (end->is_client) return end->closing;
    const Endpoint *client = &clients[end->connection % options.connections];
    return !end->received || client->connection != end->connection || client->closing;
}

static void receive_close(Endpoint *end) {
    if (!close_is_due(end)) fail("connection %" PRIu32 ": a %s got a Close in the middle", end->connection, side(end));
    if (!end->is_client) write_close(end);
    hang_up(end);
}

/* Handshakes */

static void header_value(const char *head, const char *name, char *value, size_t size) {
    const char *at = strcasestr(head, name);
    if (!at) fail("a handshake has no %s", name);
    at += strlen(name);
    at += strspn(at, " ");
    snprintf(value, size, "%.*s", (int)strcspn(at, " \r\n"), at);
}

static void answer_handshake(Endpoint *backend) {
    char key[64], accept[ACCEPT_LENGTH + 1], text[256];
    header_value(backend->head, "\r\nsec-websocket-key:", key, sizeof key);
    accept_value(key, accept);
    int length = snprintf(text, sizeof text,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Accept: %s\r\n\r\n",
                          accept);
    write_whole(backend, text, (size_t)length);
}

static void handshake_key(const Endpoint *client, char key[25]) {
    snprintf(key, 25, "%021" PRIu32 "A==", client->connection);
}

static void ask_for_handshake(Endpoint *client) {
    char key[25], text[HEAD_BYTES];
    size_t count = options.header_count;
    handshake_key(client, key);
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s%s\r\n",
                          options.path, options.target_port, key, count ? options.headers[asked++ % count] : "",
                          count ? "\r\n" : "");
    if (length >= (int)sizeof text) fail("the request is too long");
    write_whole(client, text, (size_t)length);
}

static void check_answer(const Endpoint *client) {
    char key[25], wanted[ACCEPT_LENGTH + 1], accept[64];
    if (strncmp(client->head, "HTTP/1.1 101", 12))
        fail("the handshake was refused: %.*s", (int)strcspn(client->head, "\r"), client->head);
    header_value(client->head, "\r\nsec-websocket-accept:", accept, sizeof accept);
    handshake_key(client, key);
    accept_value(key, wanted);
    if (strcmp(accept, wanted)) fail("the handshake was answered with a wrong accept value");
}

static void end_handshake(Endpoint *end) {
    end->head[end->head_bytes] = '\0';
    if (end->is_client) check_answer(end);
    else answer_handshake(end);
    free(end->head);
    end->head = NULL;
    end->state = OPEN;
    if (end->is_client) phase.opened(end);
}

/* Takes what belongs to the handshake, and returns where the rest begins. */
static const uint8_t *take_head(Endpoint *end, const uint8_t *from, const uint8_t *to) {
    while (from < to && end->state == HANDSHAKING) {
        if (end->head_bytes == HEAD_BYTES - 1) fail("a %s got too long a handshake", side(end));
        end->head[end->head_bytes++] = (char)*from++;
        if (end->head_bytes >= 4 && !memcmp(end->head + end->head_bytes - 4, "\r\n\r\n", 4)) end_handshake(end);
    }
    return from;
}

/* Clients come from 100 addresses of the loopback network: one has too few ports for very many. */
static int connect_to_target(uint32_t connection) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in from = {.sin_family = AF_INET}, to = from;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + connection % SOURCES);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)options.target_port);
    if (fd < 0) fail("no more sockets: %s", strerror(errno));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) || connect(fd, (struct sockaddr *)&to, sizeof to))
        fail("can't connect to port %d: %s", options.target_port, strerror(errno));
    return fd;
}

void open_client(Endpoint *client, uint32_t connection) {
    client->connection = connection;
    adopt(client, connect_to_target(connection), 1);
    ask_for_handshake(client);
}

/* The loop */

static void take(Endpoint *end, const uint8_t *from, const uint8_t *to) {
    Stamp stamp;
    const char *wrong = NULL;
    from = take_head(end, from, to);
    while (from < to && end->state != CLOSED) {
        switch (reader_take(&end->reader, &from, to, &stamp, &wrong)) {
        case READ_MESSAGE: receive(end, stamp); break;
        case READ_CLOSE: receive_close(end); break;
        case READ_PING: answer_ping(end); break;
        case READ_WRONG: fail("connection %" PRIu32 ", %s: %s", end->connection, side(end), wrong);
        case READ_MORE: break;
        }
    }
}

static void read_some(Endpoint *end) {
    ssize_t count = end->tls ? tls_read(end->tls, input, sizeof input) : recv(end->fd, input, sizeof input, 0);
    if (count > 0) take(end, input, input + count);
    else if (count < 0 && errno == EAGAIN) return;
    else fail("connection %" PRIu32 ": the %s's end was closed%s", end->connection, side(end),
              end->state == HANDSHAKING ? " in the handshake" : end->closing ? " without a Close" : "");
}

static void accept_one(void) {
    int fd = accept(listener.fd, NULL, NULL);
    if (fd < 0) fail("accept: %s", strerror(errno));
    if (!spares) fail("the backend got more connections than there are clients");
    adopt(spare[--spares], fd, 0);
}

static void serve(Endpoint *end, uint32_t events) {
    if (events & EPOLLOUT) write_burst(end);
    if (events & ~(uint32_t)EPOLLOUT) read_some(end);
    if (end->state == CLOSED && end->is_client) phase.closed(end);
}

void poll_once(int wait_ms) {
    struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, wait_ms);
    if (count < 0) fail("epoll_wait: %s", strerror(errno));
    if (count == 0 && wait_ms != SPIN) fail("nothing came for %d ms", wait_ms);
    for (int i = 0; i < count; i++) {
        Endpoint *end = events[i].data.ptr;
        if (end == &listener) accept_one();
        else if (end == &commands) commanded = 1;
        else serve(end, events[i].events);
    }
}

int await_command(void) {
    char line[8];
    commanded = 0;
    watch(&commands, EPOLL_CTL_ADD, EPOLLIN);
    while (!commanded) poll_once(FOREVER);
    watch(&commands, EPOLL_CTL_DEL, 0);
    return read(commands.fd, line, sizeof line) > 0;
}

void endpoints_make(void) {
    unsigned most = options.connections + (options.reconnect ? LATE_CLOSES : 0);
    clients = calloc(options.connections, sizeof *clients);
    backends = calloc(most, sizeof *backends);
    spare = calloc(most, sizeof *spare);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!clients || !backends || !spare || poller < 0) fail("no memory");
    while (spares < most) spare[spares] = &backends[spares], spares++;
    if (options.trusted) tls_trust(options.trusted);
    listener.fd = options.backend_fd;
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
}
