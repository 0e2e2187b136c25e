/* peak_amx.c - the int8 loop of peak.h with tiles: tdpbssd multiplies 16 × 64 by 64 × 16 bytes.
 *
 * Tiles 0 … 5 are sums, 6 and 7 operands (zeros: the time does not depend on values).  The unit
 * takes a tile every 16 cycles and is done after 52 (Intel's optimisation manual): six sums are
 * more than the four that keep it busy.  The tile registers are configured and released within the
 * call, so that a thread that has computed here costs nothing at a context switch. */
#include <immintrin.h>
#include "kernels/peak_isa.h"

enum { TILES = 8, ROWS = 16, ROW_BYTES = 64, SUMS = 6 };

struct tile_config { /* what ldtilecfg reads: 64 bytes */
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};

int64_t peak_int8_amx(int64_t rounds) {
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < TILES; i++) {
        config.row_bytes[i] = ROW_BYTES;
        config.rows[i] = ROWS;
    }
    /* gcc's intrinsic tells the compiler of the first word only. */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (int64_t r = 0; r < rounds; r++) {
        _tile_dpbssd(0, 6, 7);
        _tile_dpbssd(1, 6, 7);
        _tile_dpbssd(2, 6, 7);
        _tile_dpbssd(3, 6, 7);
        _tile_dpbssd(4, 6, 7);
        _tile_dpbssd(5, 6, 7);
    }
    _tile_release();
    return rounds * SUMS * 16 * 16 * 64 * 2;
}
