#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* Messages are single binary frames of one size. The first eight bytes of a payload name its connection and its number;
 * the rest is a fixed pattern. So a lost, doubled, swapped, cut or altered message is seen. */

enum { STAMP_BYTES = 8, HEADER_MAX = 14, CONTROL_MAX = 125, OPCODE_BINARY = 2, OPCODE_CLOSE = 8, OPCODE_PING = 9 };

typedef struct {
    uint32_t connection, number;
} Stamp;

/* A row of frames ready to be written; only the stamps change from one row to the next. */
typedef struct {
    uint8_t *bytes;
    size_t length, frame_bytes, header_bytes;
    unsigned frames;
    uint8_t mask[4]; /* all zero: unmasked */
} Burst;

void burst_make(Burst *burst, unsigned frames, size_t payload_bytes, uint32_t mask);
void burst_stamp(Burst *burst, uint32_t connection, uint32_t *number);

/* Where a stream of frames stands. */
typedef struct {
    size_t payload_bytes; /* what every data frame must have */
    int masked;           /* what every frame must be */
    uint8_t header[HEADER_MAX], have, need;
    int opcode, in_payload;
    uint64_t length, offset;
    uint8_t mask[4], stamp[STAMP_BYTES];
    uint8_t control[CONTROL_MAX]; /* what a Close or Ping says */
} Reader;

typedef enum { READ_MORE, READ_MESSAGE, READ_CLOSE, READ_PING, READ_WRONG } ReadResult;

void reader_make(Reader *reader, size_t payload_bytes, int masked);

/* Takes bytes up to the end of a frame, moves *from on, and says what was found. READ_WRONG: *wrong says why. */
ReadResult reader_take(Reader *reader, const uint8_t **from, const uint8_t *end, Stamp *stamp, const char **wrong);

#endif
