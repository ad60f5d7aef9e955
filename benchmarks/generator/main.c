/* WebSocket clients and their backend in one process, so that what stands between them is what is measured.
 *
 * In a round a client writes `up` messages at once; when the backend has all of them it writes `down` messages at once;
 * when the client has those the round is over. Everything that arrives is checked: the first wrong byte ends the run
 * with exit code 1. The process ends by itself.
 *
 * Of three ways of load the first is the usual one:
 *   - on each connection a round begins when the one before it is over;
 *   - with --rate, rounds begin at set times, whatever has become of those before, and last from that time on;
 *   - with --reconnect, each round has a connection of its own, and lasts from connect to Close.
 *
 * It opens the connections, warms them up and prints "ready". Each line on standard input starts a measured phase,
 * after which nothing is under way any more and the figures are printed. At the end of the input it closes all.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "endpoint.h"
#include "fail.h"
#include "latency.h"
#include "options.h"

enum { SPARE_SECONDS = 60, CONNECTIONS_A_SECOND = 50 };

static Latency latency;
static uint64_t rounds, started, began, deadline;
static unsigned running;

static void out_of_time(int signal) {
    static const char text[] = "generator: out of time\n";
    (void)signal;
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(2);
    _exit(1);
}

static void limit_time(void) {
    alarm((unsigned)(options.warm + options.seconds) + SPARE_SECONDS + options.connections / CONNECTIONS_A_SECOND);
}

static void ignore(Endpoint *client) { (void)client; }

static void forget_figures(void) {
    memset(&latency, 0, sizeof latency);
    rounds = started = 0;
    began = nanoseconds(CLOCK_MONOTONIC);
}

static void count_round(uint64_t since) {
    latency_add(&latency, nanoseconds(CLOCK_MONOTONIC) - since);
    rounds++;
}

/* One round after the other */

static void begin_round(Endpoint *client) {
    client->began = nanoseconds(CLOCK_MONOTONIC);
    begin_burst(client);
}

static void end_round(Endpoint *client) {
    count_round(client->began);
    if (nanoseconds(CLOCK_MONOTONIC) < deadline) begin_round(client);
    else running--;
}

static void run_rounds(double seconds) {
    phase = (Phase){ignore, end_round, ignore};
    deadline = began + (uint64_t)(seconds * 1e9);
    running = options.connections;
    for (unsigned i = 0; i < options.connections; i++) begin_round(&clients[i]);
    while (running) poll_once(STALL_MS);
}

/* Rounds at set times: the n-th of all belongs to the n-th client in turn. It never sleeps, so that its own waking up
 * isn't measured. */

static uint64_t set_time(uint64_t round) { return began + (uint64_t)((double)round * 1e9 / options.rate); }

static void end_set_round(Endpoint *client) {
    uint64_t own = client->received - 1 - client->base;
    count_round(set_time(own * options.connections + (uint64_t)(client - clients)));
}

static void run_rate(double seconds) {
    uint64_t total = (uint64_t)(seconds * options.rate);
    phase = (Phase){ignore, end_set_round, ignore};
    for (unsigned i = 0; i < options.connections; i++) clients[i].base = clients[i].sent;
    while (rounds < total) {
        uint64_t now = nanoseconds(CLOCK_MONOTONIC);
        while (started < total && set_time(started) <= now) begin_burst(&clients[started++ % options.connections]);
        poll_once(SPIN);
        if (now > set_time(total) + STALL_MS * 1000000ull) fail("answers are missing for %d ms", STALL_MS);
    }
}

/* A connection for each round. It never sleeps: on one machine a send pays for waking whom it is for, and a slow proxy
 * would pay for that each time where a fast one, which keeps the generator busy, never does. */

static void connect_anew(Endpoint *client) {
    int over = options.handshakes ? started == options.handshakes : nanoseconds(CLOCK_MONOTONIC) >= deadline;
    if (over) {
        running--;
        return;
    }
    started++;
    client->began = nanoseconds(CLOCK_MONOTONIC);
    open_client(client, client->connection + options.connections);
}

static void end_connection(Endpoint *client) {
    count_round(client->began);
    connect_anew(client);
}

static void run_connections(double seconds) {
    phase = (Phase){begin_burst, write_close, end_connection};
    deadline = began + (uint64_t)(seconds * 1e9);
    running = options.connections;
    for (unsigned i = 0; i < options.connections; i++) connect_anew(&clients[i]);
    while (running || open_ends) poll_once(SPIN);
}

/* The run */

/* One after the other, each with a round. */
static void open_all(void) {
    phase = (Phase){begin_burst, ignore, ignore};
    for (unsigned i = 0; i < options.connections; i++) {
        clients[i].connection = i;
        if (options.reconnect) continue;
        open_client(&clients[i], i);
        while (clients[i].received < options.down) poll_once(STALL_MS);
    }
}

static double run(double seconds) {
    forget_figures();
    if (options.reconnect) run_connections(seconds);
    else if (options.rate) run_rate(seconds);
    else run_rounds(seconds);
    return (double)(nanoseconds(CLOCK_MONOTONIC) - began) / 1e9;
}

static void close_all(void) {
    phase = (Phase){ignore, ignore, ignore};
    for (unsigned i = 0; i < options.connections; i++)
        if (clients[i].state == OPEN) write_close(&clients[i]);
    while (open_ends) poll_once(STALL_MS);
}

static void report(double took, double own_cpu) {
    double p50 = (double)latency_percentile(&latency, 50) / 1e3, p90 = (double)latency_percentile(&latency, 90) / 1e3;
    double p99 = (double)latency_percentile(&latency, 99) / 1e3, max = (double)latency.max / 1e3;
    printf("{\"rounds\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"seconds\": %.6f, \"generator_cpu_seconds\": %.6f, "
           "\"round_us\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}}\n",
           rounds, rounds * (options.up + options.down), took, own_cpu, p50, p90, p99, max);
    fflush(stdout);
}

static void measure(void) {
    limit_time();
    uint64_t cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    double took = run(options.seconds);
    report(took, (double)(nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e9);
}

int main(int count, char **values) {
    read_options(count, values);
    signal(SIGALRM, out_of_time);
    signal(SIGPIPE, SIG_IGN);
    limit_time();
    endpoints_make();
    open_all();
    if (options.warm && !options.handshakes) run(options.warm);
    puts("ready");
    fflush(stdout);
    while (await_command()) measure();
    close_all();
    return 0;
}
