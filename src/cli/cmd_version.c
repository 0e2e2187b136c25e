/* cmd_version.c - `longhaul version`. */
#include <stdio.h>
#include "cli/command.h"

#ifndef LONGHAUL_VERSION
#define LONGHAUL_VERSION "unknown"
#endif

bool cmd_version(const struct options *o, struct error *err) {
    (void)err;
#if defined(__clang__)
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
    if (options_bool(o, OPTION_JSON))
        printf("{\"version\": \"%s\", \"compiler\": \"%s\"}\n", LONGHAUL_VERSION, compiler);
    else
        printf("longhaul %s (%s)\n", LONGHAUL_VERSION, compiler);
    return true;
}
