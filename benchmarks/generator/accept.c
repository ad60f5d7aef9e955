#include "accept.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

static uint32_t rotate(uint32_t value, int bits) { return value << bits | value >> (32 - bits); }

static void sha1_block(uint32_t state[5], const uint8_t block[64]) {
    uint32_t w[80] = {0};
    for (int i = 0; i < 16; i++)
        for (int byte = 0; byte < 4; byte++) w[i] = w[i] << 8 | block[4 * i + byte];
    for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t mix, constant;
        if (i < 20) mix = (b & c) | (~b & d), constant = 0x5A827999;
        else if (i < 40) mix = b ^ c ^ d, constant = 0x6ED9EBA1;
        else if (i < 60) mix = (b & c) | (b & d) | (c & d), constant = 0x8F1BBCDC;
        else mix = b ^ c ^ d, constant = 0xCA62C1D6;
        uint32_t next = rotate(a, 5) + mix + e + constant + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* Hashes a text of at most 119 bytes: a key and the GUID are 60. */
static void sha1_short(const char *text, uint8_t digest[20]) {
    uint8_t blocks[128] = {0};
    size_t length = strlen(text), total = length < 56 ? 64 : 128;
    memcpy(blocks, text, length);
    blocks[length] = 0x80;
    blocks[total - 2] = (uint8_t)(length * 8 >> 8);
    blocks[total - 1] = (uint8_t)(length * 8);
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    for (size_t at = 0; at < total; at += 64) sha1_block(state, blocks + at);
    for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

void accept_value(const char *key, char value[ACCEPT_LENGTH + 1]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[120];
    uint8_t digest[21] = {0}; /* one more: base64 takes three at a time */
    snprintf(text, sizeof text, "%.64s%s", key, GUID);
    sha1_short(text, digest);
    for (int i = 0, out = 0; i < 21; i += 3) {
        uint32_t group = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | digest[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6) value[out++] = digits[group >> shift & 63];
    }
    value[ACCEPT_LENGTH - 1] = '=';
    value[ACCEPT_LENGTH] = '\0';
}
