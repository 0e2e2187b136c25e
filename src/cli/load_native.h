/* load_native.h - a model found by load.h, opened with the native engine. */
#ifndef CLI_LOAD_NATIVE_H
#define CLI_LOAD_NATIVE_H
#include "cli/load.h"
#include "engine/generation.h"

/* Loads it, with a progress bar on a terminal.  `change` (may be NULL) adjusts what the options
 * say before the engine opens. */
struct native *load_native_open(const struct load *l,
                                void (*change)(struct native_options *n, void *arg), void *arg,
                                struct error *err);
/* As load_native_open, for one who shows the progress himself. */
struct native *load_native_open_quietly(const struct load *l,
                                        void (*progress)(void *arg, double fraction), void *arg,
                                        struct error *err);

/* The sampling parameters that the options say. */
void load_native_sampling(const struct options *o, struct sampling *s);

/* "weights 0.5 GB + keys and values up to 0.4 GB (12.3 kB a token) + buffers 0.1 GB = 1.0 GB" */
void load_native_memory_text(const struct engine_info *info, struct str *out);

#endif
