#include "frames.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t *pattern(size_t bytes) {
    static uint8_t *shared;
    static size_t shared_bytes;
    if (bytes > shared_bytes) {
        shared = realloc(shared, bytes);
        if (!shared) abort();
        for (size_t i = shared_bytes; i < bytes; i++) shared[i] = (uint8_t)(i * 31 + (i >> 8) + 7);
        shared_bytes = bytes;
    }
    return shared;
}

static size_t write_header(uint8_t *to, size_t payload_bytes, const uint8_t *mask) {
    uint8_t mask_bit = mask ? 0x80 : 0;
    size_t at = 2;
    to[0] = 0x80 | OPCODE_BINARY;
    if (payload_bytes < 126) {
        to[1] = mask_bit | (uint8_t)payload_bytes;
    } else {
        int bytes = payload_bytes < 65536 ? 2 : 8;
        to[1] = mask_bit | (bytes == 2 ? 126 : 127);
        for (int i = bytes - 1; i >= 0; i--) to[at++] = (uint8_t)((uint64_t)payload_bytes >> (8 * i));
    }
    if (mask) memcpy(to + at, mask, 4), at += 4;
    return at;
}

void burst_make(Burst *burst, unsigned frames, size_t payload_bytes, uint32_t mask) {
    uint8_t header[HEADER_MAX];
    memcpy(burst->mask, &mask, 4);
    burst->frames = frames;
    burst->header_bytes = write_header(header, payload_bytes, mask ? burst->mask : NULL);
    burst->frame_bytes = burst->header_bytes + payload_bytes;
    burst->length = burst->frame_bytes * frames;
    burst->bytes = malloc(burst->length);
    if (!burst->bytes) abort();
    const uint8_t *plain = pattern(payload_bytes);
    for (unsigned f = 0; f < frames; f++) {
        uint8_t *frame = burst->bytes + f * burst->frame_bytes;
        memcpy(frame, header, burst->header_bytes);
        for (size_t i = 0; i < payload_bytes; i++) frame[burst->header_bytes + i] = plain[i] ^ burst->mask[i & 3];
    }
}

void burst_stamp(Burst *burst, uint32_t connection, uint32_t *number) {
    for (unsigned f = 0; f < burst->frames; f++) {
        Stamp stamp = {connection, (*number)++};
        uint8_t plain[STAMP_BYTES], *to = burst->bytes + f * burst->frame_bytes + burst->header_bytes;
        memcpy(plain, &stamp, STAMP_BYTES);
        for (int i = 0; i < STAMP_BYTES; i++) to[i] = plain[i] ^ burst->mask[i & 3];
    }
}

void reader_make(Reader *reader, size_t payload_bytes, int masked) {
    memset(reader, 0, sizeof *reader);
    reader->payload_bytes = payload_bytes;
    reader->masked = masked;
    reader->need = 2;
}

static unsigned length_bytes(const Reader *reader) {
    int said = reader->header[1] & 127;
    return said < 126 ? 0 : said == 126 ? 2 : 8;
}

static int is_control(const Reader *reader) { return reader->opcode == OPCODE_CLOSE || reader->opcode == OPCODE_PING; }

/* Reads a whole header. Returns what is wrong with it, or NULL. */
static const char *read_header(Reader *reader) {
    const uint8_t *header = reader->header;
    unsigned extended = length_bytes(reader);
    reader->opcode = header[0] & 15;
    reader->length = extended ? 0 : header[1] & 127;
    for (unsigned i = 0; i < extended; i++) reader->length = reader->length << 8 | header[2 + i];
    memset(reader->mask, 0, 4);
    if (reader->masked) memcpy(reader->mask, header + 2 + extended, 4);
    reader->in_payload = 1;
    reader->offset = 0;
    if ((header[0] & 0xF0) != 0x80) return "a frame is not whole, or has a reserved bit";
    if (is_control(reader)) return reader->length <= CONTROL_MAX ? NULL : "a control frame is too long";
    if (reader->opcode != OPCODE_BINARY) return "a frame has another opcode than binary";
    if (reader->length != reader->payload_bytes) return "a message has another length";
    return NULL;
}

/* Tells whether payload bytes are the pattern at their offset, eight at a time. */
static int is_pattern(const Reader *reader, const uint8_t *bytes, size_t count, size_t offset) {
    const uint8_t *plain = pattern(reader->payload_bytes) + offset;
    uint8_t turned[8];
    for (size_t i = 0; i < 8; i++) turned[i] = reader->mask[(offset + i) & 3];
    uint64_t mask, differs = 0;
    memcpy(&mask, turned, 8);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        uint64_t got, wanted;
        memcpy(&got, bytes + i, 8);
        memcpy(&wanted, plain + i, 8);
        differs |= got ^ wanted ^ mask;
    }
    for (; i < count; i++) differs |= (uint64_t)(bytes[i] ^ plain[i] ^ turned[i & 3]);
    return !differs;
}

static const char *take_payload(Reader *reader, const uint8_t **from, size_t count) {
    const uint8_t *bytes = *from;
    *from += count;
    if (is_control(reader)) {
        for (; count; count--, reader->offset++)
            reader->control[reader->offset] = *bytes++ ^ reader->mask[reader->offset & 3];
        return NULL;
    }
    for (; count && reader->offset < STAMP_BYTES; count--, reader->offset++)
        reader->stamp[reader->offset] = *bytes++ ^ reader->mask[reader->offset & 3];
    if (count && !is_pattern(reader, bytes, count, reader->offset)) return "a payload was altered";
    reader->offset += count;
    return NULL;
}

ReadResult reader_take(Reader *reader, const uint8_t **from, const uint8_t *end, Stamp *stamp, const char **wrong) {
    while (!reader->in_payload && *from < end) {
        reader->header[reader->have++] = *(*from)++;
        if (reader->have == 2) {
            if (reader->header[1] >> 7 != reader->masked) {
                *wrong = reader->masked ? "a client's frame is unmasked" : "a server's frame is masked";
                return READ_WRONG;
            }
            reader->need = (uint8_t)(2 + length_bytes(reader) + (reader->masked ? 4 : 0));
        }
        if (reader->have == reader->need && (*wrong = read_header(reader))) return READ_WRONG;
    }
    if (!reader->in_payload) return READ_MORE;
    size_t left = reader->length - reader->offset, there = (size_t)(end - *from);
    if ((*wrong = take_payload(reader, from, left < there ? left : there))) return READ_WRONG;
    if (reader->offset < reader->length) return READ_MORE;
    reader->in_payload = 0;
    reader->have = 0;
    reader->need = 2;
    if (is_control(reader)) return reader->opcode == OPCODE_CLOSE ? READ_CLOSE : READ_PING;
    memcpy(stamp, reader->stamp, STAMP_BYTES);
    return READ_MESSAGE;
}
