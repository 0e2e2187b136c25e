/* tokenizer_trie.h - finds special tokens in text: control tokens where the text is trusted, user-
 * defined ones anywhere.
 *
 * Leftmost first, and there the longest, as the added vocabulary of Hugging Face's tokenizers does
 * it.  Constant after init: any thread. */
#ifndef TEXT_TOKENIZER_TRIE_H
#define TEXT_TOKENIZER_TRIE_H
#include "text/tokenizer_vocab.h"

enum {
    TOKENIZER_SPECIAL_BYTES_MAX = 512,       /* of one special token; bounds the work per byte */
    TOKENIZER_TRIE_NODES_MAX = 16 << 20,
};

struct tokenizer_trie_node {
    uint32_t child, sibling; /* 0: none */
    int32_t id;              /* of the token that ends here, or -1 */
    uint8_t byte;
};

struct tokenizer_trie {
    struct tokenizer_trie_node *nodes; /* node 0 is the root */
    uint32_t count, capacity;
    bool begins_control[256], begins_user_defined[256];
    bool has_user_defined;
};

bool tokenizer_trie_init(struct tokenizer_trie *trie, const struct tokenizer_vocab *v,
                         struct error *err);
void tokenizer_trie_deinit(struct tokenizer_trie *trie);

struct tokenizer_trie_match {
    size_t len; /* 0: none */
    int32_t id;
};
/* The longest special token at the front of text.  trusted: how many bytes there are trusted; a
 * control token must lie within them. */
struct tokenizer_trie_match tokenizer_trie_longest(const struct tokenizer_trie *trie,
                                                   const struct tokenizer_vocab *v,
                                                   struct span text, size_t trusted);

#endif
