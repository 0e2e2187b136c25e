/* unicode.c - UTF-8 and character classes; see unicode.h. */
#include "text/unicode.h"
#include <string.h>

enum {
    VARIATION_SELECTORS_FIRST = 0xE0100, /* marks, far behind everything else */
    VARIATION_SELECTORS_LAST = 0xE01EF,
};

#define S UNICODE_SPACE
#define P UNICODE_PUNCTUATION
#define Y UNICODE_SYMBOL
#define N UNICODE_NUMBER
#define U UNICODE_UPPER
#define L UNICODE_LOWER
const uint8_t unicode_ascii_class[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, S, S, S, S, S, 0, 0, /* 00: tab to carriage return */
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    S, P, P, P, Y, P, P, P, P, P, P, Y, P, P, P, P, /*  !"#$%&'()*+,-./ */
    N, N, N, N, N, N, N, N, N, N, P, P, Y, Y, Y, P, /* 0123456789:;<=>? */
    P, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, /* @A… */
    U, U, U, U, U, U, U, U, U, U, U, P, P, P, Y, P, /* …Z[\]^_ */
    Y, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, /* `a… */
    L, L, L, L, L, L, L, L, L, L, L, P, Y, P, Y, 0, /* …z{|}~ */
};
#undef S
#undef P
#undef Y
#undef N
#undef U
#undef L

unsigned unicode_class(uint32_t code) {
    if (code < 128)
        return unicode_ascii_class[code];
    if (code >= unicode_index_end) {
        bool selector = code >= VARIATION_SELECTORS_FIRST && code <= VARIATION_SELECTORS_LAST;
        return selector ? UNICODE_MARK : 0;
    }
    /* Digit d stands for bit d - 1, and '0' for none: 1 << d >> 1. */
    unsigned digit = (unsigned)unicode_blocks[unicode_index[code >> 7]][code & 127] - '0';
    return 1u << digit >> 1;
}

/* What may follow a lead byte: how many bytes, and the range of the first of them (the rest
 * are 80 to BF).  This is table 3-7 of the Unicode standard. */
static int lead_byte(uint8_t lead, uint8_t *low, uint8_t *high) {
    *low = 0x80;
    *high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 1;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0)
            *low = 0xA0; /* below is overlong */
        if (lead == 0xED)
            *high = 0x9F; /* above are the surrogates */
        return 2;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0)
            *low = 0x90; /* below is overlong */
        if (lead == 0xF4)
            *high = 0x8F; /* above is past U+10FFFF */
        return 3;
    }
    return 0;
}

int unicode_decode(struct span text, uint32_t *code) {
    const uint8_t *s = (const uint8_t *)text.data;
    uint8_t lead = s[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    uint8_t low, high;
    int more = lead_byte(lead, &low, &high);
    if (more == 0)
        return -1;
    uint32_t value = lead & (0x3Fu >> more); /* 5, 4 or 3 payload bits */
    for (int i = 1; i <= more; i++) {
        if ((size_t)i == text.len)
            return 0;
        if (s[i] < low || s[i] > high)
            return -i;
        value = value << 6 | (s[i] & 0x3F);
        low = 0x80;
        high = 0xBF;
    }
    *code = value;
    return more + 1;
}

size_t unicode_valid_prefix(struct span text) {
    size_t at = 0;
    while (at < text.len) {
        uint64_t eight;
        while (text.len - at >= sizeof eight) { /* plain ASCII, eight bytes at a time */
            memcpy(&eight, text.data + at, sizeof eight);
            if (eight & 0x8080808080808080u)
                break;
            at += sizeof eight;
        }
        if (at == text.len)
            break;
        uint32_t code;
        int len = unicode_decode((struct span){text.data + at, text.len - at}, &code);
        if (len <= 0)
            return at;
        at += (size_t)len;
    }
    return at;
}

int unicode_encode(uint32_t code, char *out) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}
