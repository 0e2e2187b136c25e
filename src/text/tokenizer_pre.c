/* tokenizer_pre.c - the table of pre-tokenizers, and PCRE2 running their patterns; see
 * tokenizer_pre.h.
 *
 * The patterns are those of the models' tokenizer.json files.  Where llama.cpp had to bend one for
 * std::regex, ours is its meaning: "(?i:'s" there and here is "'[sS]", so that the long s
 * (U+017F) is no contraction.  Sources: the tokenizer.json of each family on Hugging Face, and
 * src/llama-vocab.cpp of llama.cpp for the names and for which of them share a pattern.
 *
 * Every pattern must be linear on any text: repeats of groups are possessive, and where a match
 * could only begin at the start of a run, a lookbehind says so. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/tokenizer_pre.h"
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include "text/unicode.h"

enum {
    STEPS_MAX = 6,
    JIT_STACK_BYTES_MIN = 32 << 10,
    JIT_STACK_BYTES_MAX = 4 << 20,
};

#define CONTRACTION "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
#define SPACES "|\\s+(?!\\S)|\\s+"
#define LINES "|\\s*[\\r\\n]+" SPACES
#define WORD "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+"
#define PUNCTUATION "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
#define LETTERS_UP "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]"
#define LETTERS_LOW "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]"
#define CASED_WORD(suffix) \
    "[^\\r\\n\\p{L}\\p{N}]?" LETTERS_UP "*" LETTERS_LOW "+" suffix \
    "|[^\\r\\n\\p{L}\\p{N}]?" LETTERS_UP "+" LETTERS_LOW "*" suffix
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+" SPACES
#define CJK "[\\x{4E00}-\\x{9FA5}\\x{3040}-\\x{309F}\\x{30A0}-\\x{30FF}]+"
#define MARKED_WORD \
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+" \
    "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
#define FINNISH " ?[^(\\s|.,!?\\x{2026}\\x{3002}\\x{FF0C}\\x{3001}\\x{964}\\x{6D4}\\x{60C})]+"

#define DEEPSEEK_CJK "[\\x{4E00}-\\x{9FA5}\\x{800}-\\x{4E00}\\x{AC00}-\\x{D7FF}]+"

/* The cased letters that DeepSeek-LLM's tokenizer.json lists one by one. */
#define DEEPSEEK_LETTERS \
    "A-Za-z\\x{B5}\\x{C0}-\\x{D6}\\x{D8}-\\x{F6}\\x{F8}-\\x{1BA}\\x{1BC}-\\x{1BF}" \
    "\\x{1C4}-\\x{293}\\x{295}-\\x{2AF}\\x{370}-\\x{373}\\x{376}\\x{377}\\x{37B}-\\x{37D}" \
    "\\x{37F}\\x{386}\\x{388}-\\x{38A}\\x{38C}\\x{38E}-\\x{3A1}\\x{3A3}-\\x{3F5}" \
    "\\x{3F7}-\\x{481}\\x{48A}-\\x{52F}\\x{531}-\\x{556}\\x{10A0}-\\x{10C5}" \
    "\\x{13A0}-\\x{13F5}\\x{13F8}-\\x{13FD}\\x{1C90}-\\x{1CBA}\\x{1CBD}-\\x{1CBF}" \
    "\\x{1D00}-\\x{1D2B}\\x{1D6B}-\\x{1D77}\\x{1D79}-\\x{1D9A}\\x{1E00}-\\x{1F15}" \
    "\\x{1F18}-\\x{1F1D}\\x{1F20}-\\x{1F45}\\x{1F48}-\\x{1F4D}\\x{1F50}-\\x{1F57}\\x{1F59}" \
    "\\x{1F5B}\\x{1F5D}\\x{1F5F}-\\x{1F7D}\\x{1F80}-\\x{1FB4}\\x{1FB6}-\\x{1FBC}\\x{1FBE}" \
    "\\x{1FC2}-\\x{1FC4}\\x{1FC6}-\\x{1FCC}\\x{1FD0}-\\x{1FD3}\\x{1FD6}-\\x{1FDB}" \
    "\\x{1FE0}-\\x{1FEC}\\x{1FF2}-\\x{1FF4}\\x{1FF6}-\\x{1FFC}\\x{2102}\\x{2107}" \
    "\\x{210A}-\\x{2113}\\x{2115}\\x{2119}-\\x{211D}\\x{2124}\\x{2126}\\x{2128}" \
    "\\x{212A}-\\x{212D}\\x{212F}-\\x{2134}\\x{2139}\\x{213C}-\\x{213F}\\x{2145}-\\x{2149}" \
    "\\x{214E}\\x{2183}\\x{2184}\\x{2C00}-\\x{2C7B}\\x{2C7E}-\\x{2CE4}\\x{2CEB}-\\x{2CEE}" \
    "\\x{2CF2}\\x{2CF3}\\x{A640}-\\x{A66D}\\x{A680}-\\x{A69B}\\x{A722}-\\x{A76F}" \
    "\\x{A771}-\\x{A787}\\x{A78B}-\\x{A78E}\\x{AB70}-\\x{ABBF}\\x{FB00}-\\x{FB06}" \
    "\\x{FB13}-\\x{FB17}\\x{FF21}-\\x{FF3A}\\x{FF41}-\\x{FF5A}\\x{10400}-\\x{1044F}" \
    "\\x{104B0}-\\x{104D3}\\x{104D8}-\\x{104FB}\\x{10C80}-\\x{10CB2}\\x{10CC0}-\\x{10CF2}" \
    "\\x{118A0}-\\x{118DF}\\x{1E900}-\\x{1E943}"

struct rule {
    const char *steps[STEPS_MAX];
    struct tokenizer_split fast; /* gives the same words; zeroed: there is none */
};

static const struct rule rule_gpt2 = {
    {GPT2}, {.family = TOKENIZER_SPLIT_GPT2}};
static const struct rule rule_smollm = {
    {"\\p{N}", GPT2}, {.family = TOKENIZER_SPLIT_GPT2, .isolate_numbers = true}};
static const struct rule rule_llama3 = {
    {CONTRACTION "|" WORD "|\\p{N}{1,3}" PUNCTUATION LINES},
    {.family = TOKENIZER_SPLIT_LLAMA3, .contractions = true, .digits_max = 3}};
static const struct rule rule_qwen2 = {
    {CONTRACTION "|" WORD "|\\p{N}" PUNCTUATION LINES},
    {.family = TOKENIZER_SPLIT_LLAMA3, .contractions = true, .digits_max = 1}};
static const struct rule rule_qwen35 = {
    {CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}"
     "| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*" LINES},
    {.family = TOKENIZER_SPLIT_LLAMA3, .contractions = true, .digits_max = 1,
     .marks_as_letters = true}};
static const struct rule rule_ufakzeka = {
    {WORD "|\\p{N}" PUNCTUATION LINES},
    {.family = TOKENIZER_SPLIT_LLAMA3, .digits_max = 1}};
static const struct rule rule_default = {
    {"[\\p{P}\\$\\+<=>\\^~\\|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"}, {0}};
static const struct rule rule_falcon = {
    {"[\\p{P}\\$\\+<=>\\^~\\|`]+", GPT2, "[0-9][0-9][0-9]"}, {0}};
static const struct rule rule_deepseek_llm = {
    {"[\\r\\n]", "\\s?[" DEEPSEEK_LETTERS "]+",
     "\\s?[!-/:-~\\x{FF01}-\\x{FF0F}\\x{FF1A}-\\x{FF5E}\\x{2018}-\\x{201F}\\x{3000}-\\x{3002}]+",
     "(?<!\\s)\\s+$", DEEPSEEK_CJK, "\\p{N}+"}, {0}};
static const struct rule rule_deepseek_coder = {
    {"[\\r\\n]", "\\s?\\p{L}+", "\\s?\\p{P}+",
     DEEPSEEK_CJK, "\\p{N}"}, {0}};
static const struct rule rule_deepseek_v3 = {
    {"\\p{N}{1,3}", CJK, MARKED_WORD "| ?[\\p{P}\\p{S}]+[\\r\\n]*" LINES}, {0}};
static const struct rule rule_tekken = {
    {CASED_WORD("") "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" LINES}, {0}};
static const struct rule rule_gpt4o = {
    {CASED_WORD(CONTRACTION "?") "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" LINES}, {0}};
static const struct rule rule_youtu = {
    {"[\\x{AC00}-\\x{D7A3}\\x{3131}-\\x{318E}]+"
     "|[\\x{FF01}\\x{2026}\\x{201C}\\x{201D}\\x{2018}\\x{2019}\\x{2014}\\x{FF1A}\\x{FF1B}\\x{FF0C}"
     "\\x{3001}-\\x{303F}\\x{FE30}-\\x{FE4F}]+|[\\x{3105}-\\x{312F}]+|" CJK,
     CASED_WORD(CONTRACTION "?") "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*" LINES}, {0}};
static const struct rule rule_finnish = {{FINNISH}, {0}};
static const struct rule rule_viking = {{FINNISH, "\\p{N}"}, {0}};
static const struct rule rule_bailingmoe = {
    {CONTRACTION "|" WORD "|\\p{N}" PUNCTUATION "|\\s*[\\r\\n]" SPACES}, {0}};
static const struct rule rule_seed_coder = {
    {CONTRACTION "|" WORD "|\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+" LINES}, {0}};
static const struct rule rule_exaone_moe = {
    {CONTRACTION "|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*+(?: \\p{L}\\p{M}*+)*+)++"
     "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]" SPACES}, {0}};
static const struct rule rule_minicpm5 = {
    {"\\p{N}{1,3}", CONTRACTION "|" WORD "|\\p{N}+" PUNCTUATION LINES}, {0}};
static const struct rule rule_laguna = {
    {"[^\\n]+|\\n+", CONTRACTION "|" WORD "|\\p{N}" PUNCTUATION LINES}, {0}};
static const struct rule rule_jais2 = {
    {CONTRACTION "|" WORD "|\\p{N}{1,3}" PUNCTUATION "|\\s*[\\r\\n]+"
     "|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)"
     "|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s"}, {0}};

struct row {
    const char *name; /* tokenizer.ggml.pre */
    const struct rule *rule;
    bool ignore_merges, add_bos;
};

static const struct row rows[] = {
    {"default", &rule_default, false, false},
    {"qwen2", &rule_qwen2, false, false},
    {"deepseek-r1-qwen", &rule_qwen2, false, false},
    {"kormo", &rule_qwen2, false, false},
    {"f2llmv2", &rule_qwen2, false, false},
    {"megrez", &rule_qwen2, false, false},
    {"stablelm2", &rule_qwen2, false, false},
    {"hunyuan", &rule_qwen2, false, false},
    {"solar-open", &rule_qwen2, false, false},
    {"grok-2", &rule_qwen2, false, false},
    {"qwen35", &rule_qwen35, false, false},
    {"ufakzeka", &rule_ufakzeka, false, false},
    {"llama-bpe", &rule_llama3, true, true},
    {"llama3", &rule_llama3, true, true},
    {"llama-v3", &rule_llama3, true, true},
    {"falcon3", &rule_llama3, true, true},
    {"falcon-h1", &rule_llama3, true, true},
    {"pixtral", &rule_llama3, true, true},
    {"midm-2.0", &rule_llama3, true, true},
    {"lfm2", &rule_llama3, true, true},
    {"dbrx", &rule_llama3, false, false},
    {"smaug-bpe", &rule_llama3, false, false},
    {"glm4", &rule_llama3, false, false},
    {"chatglm-bpe", &rule_llama3, false, false},
    {"jais-2", &rule_jais2, false, false},
    {"minicpm5", &rule_minicpm5, true, false},
    {"smollm", &rule_smollm, false, false},
    {"starcoder", &rule_smollm, false, false},
    {"refact", &rule_smollm, false, false},
    {"command-r", &rule_smollm, false, false},
    {"codeshell", &rule_smollm, false, false},
    {"exaone", &rule_smollm, false, false},
    {"minerva-7b", &rule_smollm, false, false},
    {"mellum2", &rule_smollm, false, false},
    {"gpt-2", &rule_gpt2, false, false},
    {"phi-2", &rule_gpt2, false, false},
    {"mpt", &rule_gpt2, false, false},
    {"olmo", &rule_gpt2, false, false},
    {"jais", &rule_gpt2, false, false},
    {"gigachat", &rule_gpt2, false, false},
    {"a.x-4.0", &rule_gpt2, false, false},
    {"mellum", &rule_gpt2, false, false},
    {"trillion", &rule_gpt2, false, false},
    {"granite-docling", &rule_gpt2, false, false},
    {"exaone4", &rule_gpt2, false, false},
    {"falcon", &rule_falcon, false, false},
    {"deepseek-llm", &rule_deepseek_llm, false, false},
    {"deepseek-coder", &rule_deepseek_coder, false, false},
    {"deepseek-v3", &rule_deepseek_v3, false, false},
    {"hunyuan-dense", &rule_deepseek_v3, false, false},
    {"joyai-llm", &rule_deepseek_v3, false, false},
    {"youtu", &rule_youtu, true, false},
    {"tekken", &rule_tekken, true, true},
    {"gpt-4o", &rule_gpt4o, false, false},
    {"llama4", &rule_gpt4o, false, false},
    {"kanana2", &rule_gpt4o, false, false},
    {"minimax-m2", &rule_gpt4o, false, false},
    {"bailingmoe", &rule_bailingmoe, false, false},
    {"bailingmoe2", &rule_bailingmoe, false, false},
    {"llada-moe", &rule_bailingmoe, false, false},
    {"seed-coder", &rule_seed_coder, false, false},
    {"exaone-moe", &rule_exaone_moe, false, false},
    {"laguna", &rule_laguna, false, false},
    {"poro-chat", &rule_finnish, false, false},
    {"bloom", &rule_finnish, false, false},
    {"gpt3-finnish", &rule_finnish, false, false},
    {"viking", &rule_viking, false, false},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

struct tokenizer_pre {
    const struct row *row;
    bool fast;
    int step_count;
    pcre2_code *steps[STEPS_MAX];
};

const char *tokenizer_pre_name(int index) {
    return index >= 0 && index < ROWS ? rows[index].name : NULL;
}

bool tokenizer_pre_ignores_merges(const struct tokenizer_pre *p) {
    return p->row->ignore_merges;
}

bool tokenizer_pre_adds_bos(const struct tokenizer_pre *p) {
    return p->row->add_bos;
}

static bool unknown_name(struct span name, struct error *err) {
    char list[ERROR_TEXT_BYTES_MAX / 2] = "";
    size_t len = 0;
    const char *last = ""; /* rows that share a rule stand together: name the first of each */
    for (int i = 0; i < ROWS; i++) {
        if (i > 0 && rows[i].rule == rows[i - 1].rule) continue;
        size_t more = strlen(rows[i].name);
        if (len + more + sizeof ", …" > sizeof list) {
            last = ", …";
            break;
        }
        if (len > 0) memcpy(list + len, ", ", 3), len += 2;
        memcpy(list + len, rows[i].name, more + 1);
        len += more;
    }
    int shown = name.len < 64 ? (int)name.len : 64;
    return error_set(err, ERR_UNSUPPORTED,
                     "the pre-tokenizer \"%.*s\" (tokenizer.ggml.pre) is not one of ours: %s%s",
                     shown, name.data, list, last);
}

static pcre2_code *compile(const char *pattern, struct error *err) {
    int code;
    PCRE2_SIZE offset;
    uint32_t flags = PCRE2_UTF | PCRE2_UCP | PCRE2_NO_UTF_CHECK | PCRE2_DOLLAR_ENDONLY;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, flags, &code, &offset, NULL);
    if (compiled == NULL) {
        error_set(err, ERR_INTERNAL, "pre-tokenizer pattern: PCRE2 error %d at %zu of %s", code,
                  offset, pattern);
        return NULL;
    }
    /* Without JIT (a platform that has none) the interpreter does the same, slower. */
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    return compiled;
}

struct tokenizer_pre *tokenizer_pre_open(const struct tokenizer_pre_options *options,
                                         struct error *err) {
    struct span name = options->name.len > 0 ? options->name : span_of("default");
    const struct row *row = NULL;
    for (int i = 0; i < ROWS && row == NULL; i++)
        if (span_equal_text(name, rows[i].name)) row = &rows[i];
    if (row == NULL) {
        unknown_name(name, err);
        return NULL;
    }
    struct tokenizer_pre *p = calloc(1, sizeof *p);
    if (p == NULL) {
        error_set(err, ERR_MEMORY, "no memory for the pre-tokenizer");
        return NULL;
    }
    p->row = row;
    p->fast = row->rule->fast.family != TOKENIZER_SPLIT_NONE && !options->patterns_only;
    for (int i = 0; !p->fast && i < STEPS_MAX && row->rule->steps[i] != NULL; i++) {
        p->steps[i] = compile(row->rule->steps[i], err);
        if (p->steps[i] == NULL) {
            tokenizer_pre_close(p);
            return NULL;
        }
        p->step_count = i + 1;
    }
    return p;
}

void tokenizer_pre_close(struct tokenizer_pre *p) {
    if (p == NULL) return;
    for (int i = 0; i < STEPS_MAX; i++) pcre2_code_free(p->steps[i]);
    free(p);
}

void tokenizer_pre_scratch_deinit(struct tokenizer_pre_scratch *s) {
    pcre2_match_data_free(s->match_data);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->jit_stack);
    str_deinit(&s->shadow);
    *s = (struct tokenizer_pre_scratch){0};
}

static bool scratch_ready(struct tokenizer_pre_scratch *s, struct error *err) {
    if (s->jit_stack != NULL) return true;
    if (s->match_data == NULL) s->match_data = pcre2_match_data_create(1, NULL);
    if (s->context == NULL) s->context = pcre2_match_context_create(NULL);
    if (s->match_data == NULL || s->context == NULL)
        return error_set(err, ERR_MEMORY, "no memory to run the pre-tokenizer");
    s->jit_stack = pcre2_jit_stack_create(JIT_STACK_BYTES_MIN, JIT_STACK_BYTES_MAX, NULL);
    if (s->jit_stack == NULL)
        return error_set(err, ERR_MEMORY, "no memory to run the pre-tokenizer");
    pcre2_jit_stack_assign(s->context, NULL, s->jit_stack);
    return true;
}

/* ---- the shadow: what the patterns see instead of the text ------------------------------
 *
 * As long as the text, byte for byte, so that positions agree.  It differs where PCRE2 would not do
 * what we promise: a byte of ill-formed UTF-8 becomes a control character (no class, as in the
 * hand-made matchers), and U+180E, which PCRE2 counts among the spaces and Unicode since 6.3
 * does not, becomes another format character. */

static const char vowel_separator[] = "\xE1\xA0\x8E"; /* U+180E */
static const char word_joiner[] = "\xE2\x81\xA0";     /* U+2060 */
enum { SEPARATOR_BYTES = 3, NO_CLASS = 0x1A };

static bool make_shadow(struct str *shadow, struct span text) {
    size_t valid = unicode_valid_prefix(text);
    const char *separator = memmem(text.data, text.len, vowel_separator, SEPARATOR_BYTES);
    if (valid == text.len && separator == NULL) return false;
    str_clear(shadow);
    str_add(shadow, text.data, text.len);
    if (shadow->failed) return true;
    for (size_t at = valid; at < text.len;) {
        shadow->data[at++] = NO_CLASS;
        at += unicode_valid_prefix((struct span){text.data + at, text.len - at});
    }
    for (char *at = shadow->data;;) {
        size_t left = shadow->len - (size_t)(at - shadow->data);
        at = memmem(at, left, vowel_separator, SEPARATOR_BYTES);
        if (at == NULL) return true;
        memcpy(at, word_joiner, SEPARATOR_BYTES);
    }
}

struct run {
    const struct tokenizer_pre *pre;
    struct tokenizer_pre_scratch *scratch;
    struct span text, shadow;
    struct tokenizer_words words;
    struct error *err;
};

static bool run_step(const struct run *r, int step, size_t begin, size_t end) {
    if (step == r->pre->step_count)
        return r->words.word(r->words.arg, (struct span){r->text.data + begin, end - begin});
    PCRE2_SPTR subject = (PCRE2_SPTR)r->shadow.data + begin;
    size_t done = 0, len = end - begin;
    while (done < len) {
        int rc = pcre2_match(r->pre->steps[step], subject, len, done, PCRE2_NO_UTF_CHECK,
                             r->scratch->match_data, r->scratch->context);
        if (rc == PCRE2_ERROR_NOMATCH) break;
        if (rc < 0)
            return error_set(r->err, ERR_INTERNAL, "pre-tokenizer %s: PCRE2 error %d",
                             r->pre->row->name, rc);
        const PCRE2_SIZE *match = pcre2_get_ovector_pointer(r->scratch->match_data);
        size_t from = match[0], to = match[1];
        if (from > done && !run_step(r, step + 1, begin + done, begin + from)) return false;
        if (to <= from) /* no pattern above matches the empty text */
            return error_set(r->err, ERR_INTERNAL, "pre-tokenizer %s: an empty match",
                             r->pre->row->name);
        if (!run_step(r, step + 1, begin + from, begin + to)) return false;
        done = to;
    }
    return done == len || run_step(r, step + 1, begin + done, end);
}

bool tokenizer_pre_run(const struct tokenizer_pre *p, struct tokenizer_pre_scratch *s,
                       struct span text, struct tokenizer_words words, struct error *err) {
    if (text.len == 0) return true;
    if (p->fast) return tokenizer_split_run(&p->row->rule->fast, text, words.word, words.arg);
    if (!scratch_ready(s, err)) return false;
    struct run r = {p, s, text, text, words, err};
    if (make_shadow(&s->shadow, text)) {
        if (s->shadow.failed) return error_set(err, ERR_MEMORY, "no memory for the pre-tokenizer");
        r.shadow = (struct span){s->shadow.data, s->shadow.len};
    }
    return run_step(&r, 0, 0, text.len);
}
