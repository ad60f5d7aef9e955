#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "frames.h"

Options options = {
    .backend_fd = -1, .path = "/", .connections = 1, .up = 1, .down = 1, .size = 64, .warm = 0.1, .seconds = 1,
};

static double number(const char *name, const char *text, double least, double most) {
    char *rest;
    double value = strtod(text, &rest);
    if (*rest || !*text || !(value >= least && value <= most)) fail("--%s must be from %g to %g", name, least, most);
    return value;
}

static void add_header(const char *line) {
    size_t count = options.header_count + 1;
    options.headers = realloc(options.headers, count * sizeof *options.headers);
    if (!options.headers || !(options.headers[count - 1] = strdup(line))) fail("no memory");
    options.header_count = count;
}

static void read_headers(const char *path) {
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    if (!file) fail("can't read %s: %s", path, strerror(errno));
    while ((length = getline(&line, &room, file)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = '\0';
        add_header(line);
    }
    free(line);
    fclose(file);
}

static void check_options(void) {
    if (options.backend_fd < 0 || !options.target_port)
        fail("--backend-fd, a listening socket, and --target-port are needed");
    if ((options.rate || options.reconnect) && (options.up != 1 || options.down != 1))
        fail("--rate and --reconnect are for one message up and one down");
    if (options.rate && options.reconnect) fail("--rate and --reconnect don't go together");
}

void read_options(int count, char **values) {
    static const struct option known[] = {
        {"backend-fd", 1, 0, 'b'},  {"target-port", 1, 0, 't'}, {"path", 1, 0, 'p'},        {"headers", 1, 0, 'h'},
        {"trusted", 1, 0, 'T'},     {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'},        {"up", 1, 0, 'u'},
        {"down", 1, 0, 'd'},        {"warm", 1, 0, 'w'},        {"seconds", 1, 0, 'n'},     {"rate", 1, 0, 'r'},
        {"reconnect", 0, 0, 'R'},   {"handshakes", 1, 0, 'H'},  {0, 0, 0, 0},
    };
    int chosen;
    while ((chosen = getopt_long(count, values, "", known, NULL)) != -1) {
        switch (chosen) {
        case 'b': options.backend_fd = (int)number("backend-fd", optarg, 3, 1 << 20); break;
        case 't': options.target_port = (int)number("target-port", optarg, 1, 65535); break;
        case 'p': options.path = optarg; break;
        case 'h': read_headers(optarg); break;
        case 'T': options.trusted = optarg; break;
        case 'c': options.connections = (unsigned)number("connections", optarg, 1, 100000); break;
        case 's': options.size = (size_t)number("size", optarg, STAMP_BYTES, 1 << 26); break;
        case 'u': options.up = (unsigned)number("up", optarg, 1, 10000); break;
        case 'd': options.down = (unsigned)number("down", optarg, 1, 10000); break;
        case 'w': options.warm = number("warm", optarg, 0, 3600); break;
        case 'n': options.seconds = number("seconds", optarg, 0, 3600); break;
        case 'r': options.rate = number("rate", optarg, 1, 1e6); break;
        case 'R': options.reconnect = 1; break;
        case 'H': options.handshakes = (unsigned)number("handshakes", optarg, 1, 1e9); break;
        default: fail("see options.c for the options");
        }
    }
    check_options();
}
