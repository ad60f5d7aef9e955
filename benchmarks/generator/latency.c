#include "latency.h"

static unsigned bucket_of(uint64_t value) {
    if (value < LATENCY_STEPS) return (unsigned)value;
    unsigned shift = 63u - LATENCY_BITS - (unsigned)__builtin_clzll(value); /* leaves LATENCY_BITS below the highest */
    return (shift + 1) * LATENCY_STEPS + (unsigned)(value >> shift) - LATENCY_STEPS;
}

static uint64_t lower_bound_of(unsigned bucket) {
    if (bucket < LATENCY_STEPS) return bucket;
    return (uint64_t)(bucket % LATENCY_STEPS + LATENCY_STEPS) << (bucket / LATENCY_STEPS - 1);
}

void latency_add(Latency *latency, uint64_t nanoseconds) {
    latency->seen[bucket_of(nanoseconds)]++;
    latency->count++;
    if (nanoseconds > latency->max) latency->max = nanoseconds;
}

uint64_t latency_percentile(const Latency *latency, double percent) {
    double wanted = (double)latency->count * percent / 100;
    uint64_t below = 0;
    for (unsigned bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
        below += latency->seen[bucket];
        if (below && (double)below >= wanted) return lower_bound_of(bucket);
    }
    return latency->max;
}
