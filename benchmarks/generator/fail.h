#ifndef FAIL_H
#define FAIL_H

/* Ends the process with one line on standard error and exit code 1. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
