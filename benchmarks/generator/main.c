/* WebSocket clients and their backend in one process, so that what stands between them is what is measured.
 *
 * In a round a client writes `up` messages at once; when the backend has all of them it writes `down` messages at once;
 * when the client has those the round is over and the next begins. Everything that arrives is checked: the first wrong
 * byte ends the run with exit code 1. The process ends by itself.
 *
 * It opens the connections, warms them up and prints "ready"; a line on standard input starts the measured phase, after
 * which nothing is under way any more and the figures are printed; at the end of the input it closes the connections.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "accept.h"
#include "frames.h"
#include "latency.h"

enum { HEAD_BYTES = 8192, READ_BYTES = 1 << 18, STALL_MS = 5000, SPARE_SECONDS = 60, MASK = 0x5A17C39D };

typedef enum { HANDSHAKING, OPEN, CLOSED } State;

typedef struct {
    int fd, is_client;
    State state;
    uint32_t connection, sent, received;
    unsigned due; /* messages of this round that are still to come */
    Reader reader;
    Burst burst;
    size_t written;
    int blocked; /* waits for room to write on */
    uint64_t round_began;
    size_t head_bytes;
    char head[HEAD_BYTES];
} Endpoint;

static struct {
    int backend_fd, target_port;
    const char *path;
    char headers[HEAD_BYTES / 2];
    unsigned connections, up, down;
    size_t size;
    double warm, seconds;
} options = {
    .backend_fd = -1, .path = "/", .connections = 1, .up = 1, .down = 1, .size = 64, .warm = 0.1, .seconds = 1,
};

static Endpoint *clients, *backends, listener;
static unsigned accepted, running, closed;
static int poller, closing;
static uint64_t deadline, rounds;
static Latency latency;
static uint8_t input[READ_BYTES];

static void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("generator: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

static void out_of_time(int signal) {
    static const char text[] = "generator: out of time\n";
    (void)signal;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(2);
    _exit(1);
}

static uint64_t nanoseconds(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static const char *side(const Endpoint *end) { return end->is_client ? "client" : "backend"; }

/* Sockets */

static void watch(Endpoint *end, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = end};
    if (epoll_ctl(poller, operation, end->fd, &event)) fail("epoll_ctl: %s", strerror(errno));
}

static void adopt(Endpoint *end, int fd, int is_client) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    end->fd = fd;
    end->is_client = is_client;
    reader_make(&end->reader, options.size, !is_client);
    burst_make(&end->burst, is_client ? options.up : options.down, options.size, is_client ? MASK : 0);
    end->written = end->burst.length;
    end->due = is_client ? options.down : options.up;
    watch(end, EPOLL_CTL_ADD, EPOLLIN);
}

static void write_whole(Endpoint *end, const void *bytes, size_t count) {
    if (send(end->fd, bytes, count, MSG_NOSIGNAL) != (ssize_t)count)
        fail("a short write on a %s: %s", side(end), strerror(errno));
}

static void write_burst(Endpoint *end) {
    while (end->written < end->burst.length) {
        ssize_t count = send(end->fd, end->burst.bytes + end->written, end->burst.length - end->written, MSG_NOSIGNAL);
        if (count < 0 && errno == EAGAIN) break;
        if (count < 0) fail("connection %" PRIu32 ", %s: can't write: %s", end->connection, side(end), strerror(errno));
        end->written += (size_t)count;
    }
    int blocked = end->written < end->burst.length;
    if (blocked != end->blocked) watch(end, EPOLL_CTL_MOD, blocked ? EPOLLIN | EPOLLOUT : EPOLLIN);
    end->blocked = blocked;
}

static void begin_burst(Endpoint *end) {
    if (end->written < end->burst.length) fail("an answer came before all was asked");
    burst_stamp(&end->burst, end->connection, &end->sent);
    end->written = 0;
    write_burst(end);
}

/* Rounds */

static void begin_round(Endpoint *client) {
    client->round_began = nanoseconds(CLOCK_MONOTONIC);
    begin_burst(client);
}

static void end_round(Endpoint *client) {
    uint64_t now = nanoseconds(CLOCK_MONOTONIC);
    latency_add(&latency, now - client->round_began);
    rounds++;
    if (now < deadline) begin_round(client);
    else running--;
}

static void receive(Endpoint *end, Stamp stamp) {
    if (!end->is_client && !end->received) end->connection = stamp.connection;
    if (stamp.connection != end->connection) fail("a %s got a message of another connection", side(end));
    if (stamp.number != end->received++)
        fail("connection %" PRIu32 ": a %s lost a message or got one twice", end->connection, side(end));
    if (--end->due) return;
    end->due = end->is_client ? options.down : options.up;
    if (end->is_client) end_round(end);
    else begin_burst(end);
}

/* Closing: the client begins, the backend answers and hangs up (RFC 6455, 7.1) */

static void write_close(Endpoint *end) {
    static const uint8_t plain[] = {0x88, 2, 1000 >> 8, 1000 & 255};
    static const uint8_t masked[] = {0x88, 0x82, 0, 0, 0, 0, 1000 >> 8, 1000 & 255};
    if (end->is_client) write_whole(end, masked, sizeof masked);
    else write_whole(end, plain, sizeof plain);
}

static void hang_up(Endpoint *end) {
    close(end->fd);
    end->state = CLOSED;
    closed++;
}

static void receive_close(Endpoint *end) {
    if (!closing) fail("connection %" PRIu32 ": a Close came in the middle", end->connection);
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

static void check_answer(const Endpoint *client) {
    char key[25], wanted[ACCEPT_LENGTH + 1], accept[64];
    if (strncmp(client->head, "HTTP/1.1 101", 12))
        fail("the handshake was refused: %.*s", (int)strcspn(client->head, "\r"), client->head);
    header_value(client->head, "\r\nsec-websocket-accept:", accept, sizeof accept);
    handshake_key(client, key);
    accept_value(key, wanted);
    if (strcmp(accept, wanted)) fail("the handshake was answered with a wrong accept value");
}

/* Takes what belongs to the handshake, and returns where the rest begins. */
static const uint8_t *take_head(Endpoint *end, const uint8_t *from, const uint8_t *to) {
    while (from < to) {
        if (end->head_bytes == HEAD_BYTES - 1) fail("a %s got too long a handshake", side(end));
        end->head[end->head_bytes++] = (char)*from++;
        if (end->head_bytes < 4 || memcmp(end->head + end->head_bytes - 4, "\r\n\r\n", 4)) continue;
        end->head[end->head_bytes] = '\0';
        if (end->is_client) check_answer(end);
        else answer_handshake(end);
        end->state = OPEN;
        break;
    }
    return from;
}

/* The loop */

static void take(Endpoint *end, const uint8_t *from, const uint8_t *to) {
    Stamp stamp;
    const char *wrong = NULL;
    if (end->state == HANDSHAKING) from = take_head(end, from, to);
    while (from < to && end->state != CLOSED) {
        switch (reader_take(&end->reader, &from, to, &stamp, &wrong)) {
        case READ_MESSAGE: receive(end, stamp); break;
        case READ_CLOSE: receive_close(end); break;
        case READ_WRONG: fail("connection %" PRIu32 ", %s: %s", end->connection, side(end), wrong);
        case READ_MORE: break;
        }
    }
}

static void read_some(Endpoint *end) {
    ssize_t count = recv(end->fd, input, sizeof input, 0);
    if (count > 0) take(end, input, input + count);
    else if (count < 0 && errno == EAGAIN) return;
    else if (closing) hang_up(end);
    else fail("connection %" PRIu32 ": the %s's end was closed%s", end->connection, side(end),
              end->state == OPEN ? "" : " in the handshake");
}

static void accept_one(void) {
    int fd = accept(listener.fd, NULL, NULL);
    if (fd < 0) fail("accept: %s", strerror(errno));
    if (accepted == options.connections) fail("the backend got more connections than there are clients");
    adopt(&backends[accepted++], fd, 0);
}

static void poll_once(void) {
    struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, STALL_MS);
    if (count < 0) fail("epoll_wait: %s", strerror(errno));
    if (count == 0) fail("nothing came for %d ms", STALL_MS);
    for (int i = 0; i < count; i++) {
        Endpoint *end = events[i].data.ptr;
        if (end == &listener) {
            accept_one();
        } else if (end->state != CLOSED) {
            if (events[i].events & EPOLLOUT) write_burst(end);
            if (events[i].events & ~(uint32_t)EPOLLOUT) read_some(end);
        }
    }
}

/* Phases */

static void open_client(Endpoint *client, uint32_t connection) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.target_port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char key[25], text[HEAD_BYTES];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to))
        fail("can't connect to port %d: %s", options.target_port, strerror(errno));
    client->connection = connection;
    adopt(client, fd, 1);
    handshake_key(client, key);
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n%s\r\n",
                          options.path, options.target_port, key, options.headers);
    if (length >= (int)sizeof text) fail("the request is too long");
    write_whole(client, text, (size_t)length);
    while (client->state == HANDSHAKING) poll_once();
}

/* Runs rounds on all connections for a time, and until nothing is under way. Returns how long it took. */
static double run(double seconds) {
    uint64_t began = nanoseconds(CLOCK_MONOTONIC);
    memset(&latency, 0, sizeof latency);
    rounds = 0;
    deadline = began + (uint64_t)(seconds * 1e9);
    running = options.connections;
    for (unsigned i = 0; i < options.connections; i++) begin_round(&clients[i]);
    while (running) poll_once();
    return (double)(nanoseconds(CLOCK_MONOTONIC) - began) / 1e9;
}

static void close_all(void) {
    closing = 1;
    for (unsigned i = 0; i < options.connections; i++) write_close(&clients[i]);
    while (closed < 2 * options.connections) poll_once();
}

static void report(double took, double own_cpu) {
    double p50 = (double)latency_percentile(&latency, 50) / 1e3, p90 = (double)latency_percentile(&latency, 90) / 1e3;
    double p99 = (double)latency_percentile(&latency, 99) / 1e3, max = (double)latency.max / 1e3;
    printf("{\"rounds\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"seconds\": %.6f, \"generator_cpu_seconds\": %.6f, "
           "\"round_us\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}}\n",
           rounds, rounds * (options.up + options.down), took, own_cpu, p50, p90, p99, max);
}

/* Options */

static double number(const char *name, const char *text, double least, double most) {
    char *rest;
    double value = strtod(text, &rest);
    if (*rest || !*text || !(value >= least && value <= most)) fail("--%s must be from %g to %g", name, least, most);
    return value;
}

static void add_header(const char *line) {
    size_t used = strlen(options.headers);
    int more = snprintf(options.headers + used, sizeof options.headers - used, "%s\r\n", line);
    if (more >= (int)(sizeof options.headers - used)) fail("the headers are too long");
}

static void read_options(int count, char **values) {
    static const struct option known[] = {
        {"backend-fd", 1, 0, 'b'},  {"target-port", 1, 0, 't'}, {"path", 1, 0, 'p'}, {"header", 1, 0, 'h'},
        {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'},        {"up", 1, 0, 'u'},   {"down", 1, 0, 'd'},
        {"warm", 1, 0, 'w'},        {"seconds", 1, 0, 'n'},     {0, 0, 0, 0},
    };
    int chosen;
    while ((chosen = getopt_long(count, values, "", known, NULL)) != -1) {
        switch (chosen) {
        case 'b': options.backend_fd = (int)number("backend-fd", optarg, 3, 65535); break;
        case 't': options.target_port = (int)number("target-port", optarg, 1, 65535); break;
        case 'p': options.path = optarg; break;
        case 'h': add_header(optarg); break;
        case 'c': options.connections = (unsigned)number("connections", optarg, 1, 10000); break;
        case 's': options.size = (size_t)number("size", optarg, STAMP_BYTES, 1 << 26); break;
        case 'u': options.up = (unsigned)number("up", optarg, 1, 10000); break;
        case 'd': options.down = (unsigned)number("down", optarg, 1, 10000); break;
        case 'w': options.warm = number("warm", optarg, 0, 3600); break;
        case 'n': options.seconds = number("seconds", optarg, 0, 3600); break;
        default: fail("see main.c for the options");
        }
    }
    if (options.backend_fd < 0 || !options.target_port)
        fail("--backend-fd, a listening socket, and --target-port are needed");
}

int main(int count, char **values) {
    char line[8];
    read_options(count, values);
    signal(SIGALRM, out_of_time);
    alarm((unsigned)(options.warm + options.seconds) + SPARE_SECONDS);
    clients = calloc(options.connections, sizeof *clients);
    backends = calloc(options.connections, sizeof *backends);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!clients || !backends || poller < 0) fail("no memory");
    listener.fd = options.backend_fd;
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    for (unsigned i = 0; i < options.connections; i++) open_client(&clients[i], i);
    run(options.warm);
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin)) return 1;
    uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    double took = run(options.seconds);
    report(took, (double)(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e9);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) continue;
    close_all();
    return 0;
}
