#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

/* How often each duration was seen: 32 buckets an octave, so that a percentile is right within 3 %. */

enum { LATENCY_STEPS = 32, LATENCY_BUCKETS = 60 * LATENCY_STEPS };

typedef struct {
    uint64_t seen[LATENCY_BUCKETS], count, max;
} Latency;

void latency_add(Latency *latency, uint64_t nanoseconds);
uint64_t latency_percentile(const Latency *latency, double percent);

#endif
