/* template_dict.c - insertion-ordered hash table; see the header.
 *
 * Up to DICT_LINEAR_MAX entries are compared one by one, by hash first; chat messages have a
 * handful of keys.  Past that an open-addressing index of entry numbers is kept, at most half full.
 * A probe costs a step, so a template that builds colliding keys runs out of its budget, not of our
 * time. */
#include "text/template_dict.h"
#include <math.h>
#include <string.h>

enum { DICT_LINEAR_MAX = 8 };

struct template_dict *template_dict_new(struct template_state *s, size_t reserve) {
    struct template_dict *d = template_state_alloc(s, sizeof *d);
    if (!d || !reserve) return d;
    d->entries = template_state_array(s, reserve, sizeof *d->entries);
    d->capacity = d->entries ? reserve : 0;
    return d->entries ? d : NULL;
}

struct template_value template_dict_value(struct template_dict *d) {
    if (!d) return template_value_none();
    return (struct template_value){.type = VALUE_DICT, .dict = d};
}

/* FNV-1a, 64 bit (Fowler, Noll, Vo), finished with a multiply and a shift for the low bits. */
static uint64_t hash_bytes(const void *data, size_t len) {
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < len; i++) h = (h ^ p[i]) * 0x100000001b3U;
    h *= 0x9e3779b97f4a7c15U;
    return h ^ h >> 32;
}

static uint64_t hash_span(struct span text) {
    return hash_bytes(text.data, text.len);
}

/* Equal values have equal hashes: 1, 1.0 and true are one key. */
static uint64_t hash_number(struct template_value v) {
    double d = template_value_number(v);
    int64_t i;
    if (!template_value_is_integer(v, &i)) {
        if (!(fabs(d) < 9e18) || d != floor(d)) return hash_bytes(&d, sizeof d);
        i = (int64_t)d;
    }
    return hash_bytes(&i, sizeof i);
}

static bool hash_value(struct template_state *s, struct template_value v, uint64_t *hash) {
    switch (v.type) {
    case VALUE_STRING:
        *hash = hash_span(template_text_span(v.string));
        return template_state_spend_bytes(s, v.string->len);
    case VALUE_BOOL:
    case VALUE_INT:
    case VALUE_FLOAT: *hash = hash_number(v); return true;
    case VALUE_NONE:
    case VALUE_UNDEFINED: *hash = (uint64_t)v.type; return true;
    case VALUE_TUPLE:
        *hash = 7;
        for (size_t i = 0; i < v.list->count; i++) {
            uint64_t part;
            if (!template_state_enter(s)) return false;
            bool ok = hash_value(s, v.list->items[i], &part);
            template_state_leave(s);
            if (!ok) return false;
            *hash = *hash * 0x100000001b3U + part;
        }
        return true;
    case VALUE_LIST:
    case VALUE_DICT:
    case VALUE_VIEW: return false;
    default: *hash = hash_bytes(&v.list, sizeof v.list); return true; /* by identity */
    }
}

static struct template_entry *lookup(struct template_state *s, const struct template_dict *d,
                                     struct template_value key, uint64_t hash) {
    if (!d->slots) {
        for (size_t i = 0; i < d->count; i++)
            if (d->entries[i].hash == hash && template_value_equal(s, d->entries[i].key, key))
                return &d->entries[i];
        return NULL;
    }
    size_t mask = d->slot_count - 1;
    for (size_t i = hash & mask; d->slots[i] && template_state_spend(s, 1); i = (i + 1) & mask) {
        struct template_entry *e = &d->entries[d->slots[i] - 1];
        if (e->hash == hash && template_value_equal(s, e->key, key)) return e;
    }
    return NULL;
}

struct template_entry *template_dict_find(struct template_state *s, const struct template_dict *d,
                                          struct template_value key, bool *hashable) {
    uint64_t hash;
    bool ok = hash_value(s, key, &hash);
    if (hashable) *hashable = ok;
    else if (!ok)
        template_state_fail(s, ERR_ARGUMENT, "a %s cannot be a dict's key",
                            template_value_type_name(key));
    return ok ? lookup(s, d, key, hash) : NULL;
}

struct template_entry *template_dict_find_name(const struct template_dict *d, struct span name) {
    if (!d->slots) {
        for (size_t i = 0; i < d->count; i++)
            if (d->entries[i].key.type == VALUE_STRING &&
                span_equal(template_text_span(d->entries[i].key.string), name))
                return &d->entries[i];
        return NULL;
    }
    uint64_t hash = hash_span(name);
    size_t mask = d->slot_count - 1;
    for (size_t i = hash & mask; d->slots[i]; i = (i + 1) & mask) {
        struct template_entry *e = &d->entries[d->slots[i] - 1];
        if (e->hash == hash && e->key.type == VALUE_STRING &&
            span_equal(template_text_span(e->key.string), name))
            return e;
    }
    return NULL;
}

static void index_entry(struct template_dict *d, size_t entry) {
    size_t mask = d->slot_count - 1, i = d->entries[entry].hash & mask;
    while (d->slots[i]) i = (i + 1) & mask;
    d->slots[i] = (uint32_t)entry + 1;
}

static bool grow(struct template_state *s, struct template_dict *d) {
    size_t capacity = d->capacity ? d->capacity * 2 : 4;
    if (capacity > UINT32_MAX / 4) return template_state_fail(s, ERR_MEMORY, "a dict is too large");
    struct template_entry *entries = template_state_array(s, capacity, sizeof *entries);
    if (!entries) return false;
    if (d->count) memcpy(entries, d->entries, d->count * sizeof *entries);
    d->entries = entries;
    d->capacity = capacity;
    return true;
}

static bool reindex(struct template_state *s, struct template_dict *d) {
    size_t slots = 32;
    while (slots < d->count * 4) slots *= 2;
    d->slots = template_state_array(s, slots, sizeof *d->slots);
    if (!d->slots) return false;
    d->slot_count = slots;
    for (size_t i = 0; i < d->count; i++) index_entry(d, i);
    return true;
}

bool template_dict_put(struct template_state *s, struct template_dict *d,
                       struct template_value key, struct template_value value) {
    uint64_t hash;
    if (s->failed) return false;
    if (!hash_value(s, key, &hash))
        return template_state_fail(s, ERR_ARGUMENT, "a %s cannot be a dict's key",
                                   template_value_type_name(key));
    struct template_entry *e = lookup(s, d, key, hash);
    if (e) {
        e->value = value; /* the first key stays, as in Python */
        return true;
    }
    if (d->count == d->capacity && !grow(s, d)) return false;
    d->entries[d->count++] = (struct template_entry){key, value, hash};
    if (d->slots && d->count * 2 <= d->slot_count) index_entry(d, d->count - 1);
    else if (d->count > DICT_LINEAR_MAX) return reindex(s, d);
    return true;
}

bool template_dict_merge(struct template_state *s, struct template_dict *d,
                         const struct template_dict *from) {
    for (size_t i = 0; i < from->count && !s->failed; i++)
        template_dict_put(s, d, from->entries[i].key, from->entries[i].value);
    return !s->failed;
}
