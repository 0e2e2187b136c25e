/* tokenizer_special.c - the table of well-known names, and the metadata's ids; see
 * tokenizer_special.h.
 *
 * Source of the names: the models' tokenizer_config.json files, and src/llama-vocab.cpp of
 * llama.cpp for which of them end an answer.  That a repository or file separator ends one is
 * theirs, too: a model that writes it has begun another file. */
#include "text/tokenizer_special.h"
#include <assert.h>
#include <stddef.h>
#include <strings.h>
#include "base/log.h"

enum role {
    ROLE_END = 1,
    ROLE_TURN = 2, /* may be the end of a turn (eot) where the metadata names none */
    ROLE_FIM_PREFIX = 4,
    ROLE_FIM_SUFFIX = 8,
    ROLE_FIM_MIDDLE = 16,
    ROLE_FIM_PAD = 32,
    ROLE_FIM_REPO = 64,
    ROLE_FIM_SEPARATOR = 128,
};

/* Where two names have one role, the first that the vocabulary has gets it. */
static const struct name {
    const char *text;
    unsigned roles;
} table[] = {
    {"<|eot_id|>", ROLE_END | ROLE_TURN},        /* Llama 3 */
    {"<|im_end|>", ROLE_END | ROLE_TURN},        /* ChatML */
    {"<|end|>", ROLE_END | ROLE_TURN},           /* Phi 3 */
    {"<end_of_turn>", ROLE_END | ROLE_TURN},     /* Gemma */
    {"<|endoftext|>", ROLE_END | ROLE_TURN},     /* GPT-2 */
    {"<|end_of_text|>", ROLE_END | ROLE_TURN},   /* Llama 3, Granite */
    {"<EOT>", ROLE_END | ROLE_TURN},
    {"_<EOT>", ROLE_END | ROLE_TURN},
    {"[EOT]", ROLE_END | ROLE_TURN},             /* Kimi K2 */
    {"<\uFF5Cend\u2581of\u2581sentence\uFF5C>", ROLE_END | ROLE_TURN}, /* DeepSeek */
    {"<end_of_utterance>", ROLE_END | ROLE_TURN},
    {"<|eom_id|>", ROLE_END},                    /* Llama 3: the end of a tool call */
    {"<|return|>", ROLE_END},
    {"<|call|>", ROLE_END},
    {"<|flush|>", ROLE_END},
    {"<|calls|>", ROLE_END},
    {"</s>", ROLE_END},
    {"<eos>", ROLE_END},
    {"[EOS]", ROLE_END},
    {"[e~[", ROLE_END},                          /* MiniMax M2 */
    {"<|fim_prefix|>", ROLE_FIM_PREFIX},         /* Qwen */
    {"<fim-prefix>", ROLE_FIM_PREFIX},
    {"<fim_prefix>", ROLE_FIM_PREFIX},           /* StarCoder, Granite */
    {"<\uFF5Cfim\u2581begin\uFF5C>", ROLE_FIM_PREFIX}, /* DeepSeek */
    {"<PRE>", ROLE_FIM_PREFIX},
    {"\u2581<PRE>", ROLE_FIM_PREFIX},            /* Code Llama */
    {"<|code_prefix|>", ROLE_FIM_PREFIX},        /* GLM 4.5 */
    {"<|fim_suffix|>", ROLE_FIM_SUFFIX},
    {"<fim-suffix>", ROLE_FIM_SUFFIX},
    {"<fim_suffix>", ROLE_FIM_SUFFIX},
    {"<\uFF5Cfim\u2581hole\uFF5C>", ROLE_FIM_SUFFIX},
    {"<SUF>", ROLE_FIM_SUFFIX},
    {"\u2581<SUF>", ROLE_FIM_SUFFIX},
    {"<|code_suffix|>", ROLE_FIM_SUFFIX},
    {"<|fim_middle|>", ROLE_FIM_MIDDLE},
    {"<fim-middle>", ROLE_FIM_MIDDLE},
    {"<fim_middle>", ROLE_FIM_MIDDLE},
    {"<\uFF5Cfim\u2581end\uFF5C>", ROLE_FIM_MIDDLE},
    {"<MID>", ROLE_FIM_MIDDLE},
    {"\u2581<MID>", ROLE_FIM_MIDDLE},
    {"<|code_middle|>", ROLE_FIM_MIDDLE},
    {"<|fim_pad|>", ROLE_FIM_PAD},
    {"<fim-pad>", ROLE_FIM_PAD},
    {"<fim_pad>", ROLE_FIM_PAD},
    {"<PAD>", ROLE_FIM_PAD},
    {"[PAD]", ROLE_FIM_PAD},
    {"<|fim_repo|>", ROLE_FIM_REPO},
    {"<|repo_name|>", ROLE_FIM_REPO},            /* Qwen */
    {"<fim-repo>", ROLE_FIM_REPO},
    {"<REPO>", ROLE_FIM_REPO},
    {"<reponame>", ROLE_FIM_REPO},               /* StarCoder, Granite */
    {"<|file_sep|>", ROLE_FIM_SEPARATOR},        /* Qwen */
};
enum { NAMES = sizeof table / sizeof table[0] };
_Static_assert(NAMES <= (int)TOKENIZER_NAMES_MAX, "the table has outgrown its array");

void tokenizer_special_names_init(struct tokenizer_special_names *names) {
    for (int i = 0; i < TOKENIZER_NAMES_MAX; i++) names->ids[i] = -1;
}

void tokenizer_special_note(struct tokenizer_special_names *names, struct span text, int32_t id) {
    /* What all names begin with: this is asked for every token of the vocabulary. */
    if (text.len < 4 || (text.data[0] != '<' && text.data[0] != '[' && text.data[0] != '_' &&
                         (uint8_t)text.data[0] != 0xE2))
        return;
    for (int i = 0; i < NAMES; i++)
        if (names->ids[i] < 0 && span_equal_text(text, table[i].text)) names->ids[i] = id;
}

/* Ids that the metadata may name, and the role by which a name stands in. */
static const struct field {
    const char *key;
    size_t offset; /* in struct tokenizer_special; fields without one only end answers */
    unsigned role;
    bool ends;
    bool older; /* a key of Code Llama's first files: fills the field only where it is empty */
} fields[] = {
#define AT(member) offsetof(struct tokenizer_special, member)
    {"tokenizer.ggml.bos_token_id", AT(bos), 0, false, false},
    {"tokenizer.ggml.eos_token_id", AT(eos), 0, true, false},
    {"tokenizer.ggml.eot_token_id", AT(eot), ROLE_TURN, true, false},
    {"tokenizer.ggml.unknown_token_id", AT(unknown), 0, false, false},
    {"tokenizer.ggml.padding_token_id", AT(padding), 0, false, false},
    {"tokenizer.ggml.fim_pre_token_id", AT(fim_prefix), ROLE_FIM_PREFIX, false, false},
    {"tokenizer.ggml.fim_suf_token_id", AT(fim_suffix), ROLE_FIM_SUFFIX, false, false},
    {"tokenizer.ggml.fim_mid_token_id", AT(fim_middle), ROLE_FIM_MIDDLE, false, false},
    {"tokenizer.ggml.fim_rep_token_id", AT(fim_repo), ROLE_FIM_REPO, true, false},
    {"tokenizer.ggml.fim_sep_token_id", AT(fim_separator), ROLE_FIM_SEPARATOR, true, false},
    {"tokenizer.ggml.fim_pad_token_id", AT(fim_pad), ROLE_FIM_PAD, true, false},
    {"tokenizer.ggml.prefix_token_id", AT(fim_prefix), 0, false, true},
    {"tokenizer.ggml.suffix_token_id", AT(fim_suffix), 0, false, true},
    {"tokenizer.ggml.middle_token_id", AT(fim_middle), 0, false, true},
#undef AT
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static int32_t *field_of(struct tokenizer_special *s, int index) {
    return (int32_t *)((char *)s + fields[index].offset);
}

static void add_end(struct tokenizer_vocab *v, struct tokenizer_ends *ends, int32_t id) {
    if (id < 0 || (v->flags[id] & TOKENIZER_END)) return;
    assert(ends->count < TOKENIZER_ENDS_MAX); /* every name once, and five fields */
    v->flags[id] |= TOKENIZER_END;
    ends->ids[ends->count++] = id;
}

/* The metadata's id of one field.  One past the vocabulary counts as none: converters have written
 * such (a padding token that the model never had). */
static bool read_id(const struct gguf *g, const char *key, int size, int32_t *id,
                    struct error *err) {
    uint32_t value;
    struct error mine = {0};
    if (!gguf_u32(g, key, &value, &mine)) {
        if (mine.code == ERR_NONE) return true;
        return error_set(err, mine.code, "%s", mine.text);
    }
    if (value < (uint32_t)size)
        *id = (int32_t)value;
    else if (value <= INT32_MAX) /* -1 as unsigned is a way to say none */
        log_warn("tokenizer_id_ignored", "key=%s id=%u vocabulary=%d", key, value, size);
    return true;
}

static bool read_flag(const struct gguf *g, const char *key, bool *flag, struct error *err) {
    struct error mine = {0};
    if (gguf_bool(g, key, flag, &mine) || mine.code == ERR_NONE) return true;
    return error_set(err, mine.code, "%s", mine.text);
}

/* A name that has a role is a control token whatever its type says; converters have forgotten it.
 * */
static void force_control(struct tokenizer_vocab *v, int32_t id) {
    v->flags[id] = (uint8_t)((v->flags[id] & ~TOKENIZER_USER_DEFINED) | TOKENIZER_CONTROL);
}

static void apply_names(struct tokenizer_vocab *v, const struct tokenizer_special_names *names,
                        struct tokenizer_special *out, struct tokenizer_ends *ends) {
    for (int f = 0; f < FIELDS; f++) {
        int32_t *id = field_of(out, f);
        for (int n = 0; n < NAMES && fields[f].role != 0 && *id < 0; n++) {
            if (names->ids[n] < 0 || !(table[n].roles & fields[f].role)) continue;
            *id = names->ids[n];
            force_control(v, *id);
        }
        if (fields[f].ends) add_end(v, ends, *id);
    }
    for (int n = 0; n < NAMES; n++) {
        if (names->ids[n] < 0 || !(table[n].roles & ROLE_END)) continue;
        force_control(v, names->ids[n]);
        add_end(v, ends, names->ids[n]);
    }
}

bool tokenizer_special_read(const struct gguf *g, struct tokenizer_vocab *v,
                            const struct tokenizer_special_names *names, bool adds_bos,
                            struct tokenizer_special *out, struct tokenizer_ends *ends,
                            struct error *err) {
    *out = (struct tokenizer_special){.add_bos = adds_bos};
    *ends = (struct tokenizer_ends){0};
    for (int f = 0; f < FIELDS; f++) *field_of(out, f) = -1;
    if (v->model == TOKENIZER_SPM) { /* what SentencePiece itself assigns */
        if (v->size > 0) out->unknown = 0;
        if (v->size > 1) out->bos = 1;
        if (v->size > 2) out->eos = 2;
    }
    for (int f = 0; f < FIELDS; f++) {
        int32_t id = -1;
        if (!read_id(g, fields[f].key, v->size, &id, err)) return false;
        if (id >= 0 && !(fields[f].older && *field_of(out, f) >= 0)) *field_of(out, f) = id;
    }
    int32_t message_end = -1;
    if (!read_id(g, "tokenizer.ggml.eom_token_id", v->size, &message_end, err)) return false;
    apply_names(v, names, out, ends);
    add_end(v, ends, message_end);
    if (!read_flag(g, "tokenizer.ggml.add_bos_token", &out->add_bos, err) ||
        !read_flag(g, "tokenizer.ggml.add_eos_token", &out->add_eos, err))
        return false;
    /* Wishes for a token that does not exist. */
    out->add_bos = out->add_bos && out->bos >= 0;
    out->add_eos = out->add_eos && out->eos >= 0;
    return true;
}

static bool is_phi3(struct span name) {
    for (size_t at = 0; at + 4 <= name.len; at++) {
        const char *s = name.data + at;
        if (strncasecmp(s, "phi3", 4) == 0) return true;
        if (at + 5 <= name.len && strncasecmp(s, "phi-3", 5) == 0) return true;
    }
    return false;
}

bool tokenizer_special_read_strip(const struct gguf *g, struct tokenizer_vocab *v,
                                  struct error *err) {
    struct span name;
    struct error mine = {0};
    if (!gguf_string(g, "general.name", &name, &mine))
        return mine.code == ERR_NONE || error_set(err, mine.code, "%s", mine.text);
    if (!is_phi3(name)) return true;
    const unsigned special = TOKENIZER_CONTROL | TOKENIZER_USER_DEFINED | TOKENIZER_UNKNOWN;
    for (int32_t id = 0; id < v->size; id++) {
        struct span text = tokenizer_vocab_text(v, v->prints[id]);
        if (!(v->flags[id] & special) || span_equal_text(text, "<unk>") ||
            span_equal_text(text, "<s>") || span_equal_text(text, "<|endoftext|>"))
            continue;
        v->flags[id] |= TOKENIZER_STRIPS_RIGHT;
    }
    return true;
}
