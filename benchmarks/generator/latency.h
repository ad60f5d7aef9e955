#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

/* How often each duration was seen: 256 buckets an octave, so that a percentile is right within 0.4 %. */

enum { LATENCY_BITS = 8, LATENCY_STEPS = 1 << LATENCY_BITS, LATENCY_BUCKETS = (64 - LATENCY_BITS + 1) * LATENCY_STEPS };

typedef struct {
    uint64_t seen[LATENCY_BUCKETS], count, max;
} Latency;

void latency_add(Latency *latency, uint64_t nanoseconds);
uint64_t latency_percentile(const Latency *latency, double percent);

#endif
