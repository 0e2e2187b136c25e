/* template_node.h - the tree that a template is compiled to.  Immutable once compiled.
 *
 * One struct serves all kinds; which members a kind uses stands beside it.  `at` is the offset in
 * the source that an error message points to. */
#ifndef TEXT_TEMPLATE_NODE_H
#define TEXT_TEMPLATE_NODE_H
#include "text/template_value.h"

enum template_node_kind {
    /* expressions */
    NODE_LITERAL,      /* literal                                              */
    NODE_NAME,         /* symbol, name                                         */
    NODE_LIST,         /* items                                                */
    NODE_TUPLE,        /* items; also a target of assignments                  */
    NODE_DICT,         /* items: key, value, key, value, …                     */
    NODE_UNARY,        /* op a: not, -, +                                      */
    NODE_BINARY,       /* a op b: arithmetic, and, or                          */
    NODE_COMPARE,      /* a, then items with operators: a < i0 < i1 …          */
    NODE_CONCAT,       /* items joined by ~                                    */
    NODE_CONDITION,    /* a if b else c; c may be NULL                         */
    NODE_ATTRIBUTE,    /* a.name                                               */
    NODE_ITEM,         /* a[b]                                                 */
    NODE_SLICE,        /* a[i0:i1:i2], three items, NULL where left out        */
    NODE_CALL,         /* a(arguments)                                         */
    NODE_FILTER,       /* a|name(arguments); filter; a NULL: a block's text    */
    NODE_TEST,         /* a is name(arguments); test                           */
    /* targets */
    NODE_MEMBER,       /* symbol, name of the namespace; member                */
    /* statements */
    NODE_DATA,         /* literal: text between tags                           */
    NODE_PRINT,        /* a                                                    */
    NODE_IF,           /* a; items; other: what follows if not (elif is an if) */
    NODE_FOR,          /* for a in b if c: items; other: else; recursive       */
    NODE_SET,          /* a = b                                                */
    NODE_SET_BLOCK,    /* a = items as text, through the filter b if any       */
    NODE_MACRO,        /* symbol, signature, items                             */
    NODE_CALL_BLOCK,   /* a: the call; signature and items: its caller         */
    NODE_FILTER_BLOCK, /* items through a                                      */
    NODE_SCOPE,        /* items with variables of their own                    */
    NODE_WITH,         /* as NODE_SCOPE; other: target, value, target, value … */
    NODE_BREAK,
    NODE_CONTINUE,
};

enum template_operator {
    OPERATOR_NONE,
    OPERATOR_ADD, OPERATOR_SUBTRACT, OPERATOR_MULTIPLY, OPERATOR_DIVIDE, OPERATOR_FLOOR_DIVIDE,
    OPERATOR_MODULO, OPERATOR_POWER, OPERATOR_AND, OPERATOR_OR, OPERATOR_NOT, OPERATOR_NEGATE,
    OPERATOR_POSITIVE, OPERATOR_EQUAL, OPERATOR_NOT_EQUAL, OPERATOR_LESS, OPERATOR_LESS_EQUAL,
    OPERATOR_GREATER, OPERATOR_GREATER_EQUAL, OPERATOR_IN, OPERATOR_NOT_IN
};

struct template_nodes {
    struct template_node **items;
    int count, capacity;
};

struct template_arguments {
    struct template_nodes positional;
    struct template_nodes named;       /* values, in step with names */
    struct span *names;
    int name_capacity;
    struct template_node *star, *star_star;
};

struct template_signature {            /* of a macro or of a call block's body */
    struct span name;
    struct template_nodes parameters;  /* NODE_NAME */
    struct template_nodes defaults;    /* in step with parameters; NULL where there is none */
    bool takes_caller, takes_varargs, takes_kwargs; /* the body mentions these names */
    struct template_signature *outer;  /* while parsing: the one around it */
};

struct template_node {
    enum template_node_kind kind;
    enum template_operator op;
    uint32_t at;
    int height;                        /* of the tree below, bounded */
    int symbol;
    bool recursive;
    struct span name, member;
    struct template_value literal;
    struct template_node *a, *b, *c;
    struct template_nodes items, other;
    enum template_operator *operators; /* NODE_COMPARE, in step with items */
    struct template_arguments *arguments;
    struct template_signature *signature;
    const struct template_filter *filter;
    const struct template_check *check;
};

/* Names are numbered at compile time; these have fixed numbers. */
enum { SYMBOL_LOOP, SYMBOL_CALLER, SYMBOL_VARARGS, SYMBOL_KWARGS, SYMBOLS_FIXED };

#endif
