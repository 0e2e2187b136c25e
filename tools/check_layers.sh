#!/bin/sh
# check_layers.sh [ROOT] - holds src/ to the table of who may include whom.
#
# A rule is "FOLDER: FOLDERS" or, for one file more, "FOLDER/STEM + FOLDERS" (STEM.c and STEM.h).
# The interface engine/engine.h names the model file and the cache types, hence its row.
# A folder without a rule fails, so that a new one is thought about.  Prints FILE:LINE: MESSAGE;
# exit 0 when all is well, 1 when an include breaks a rule, 2 when ROOT has no src/.
set -eu

root=${1:-$(dirname "$0")/..}
cd "$root"
if [ ! -d src ]; then
    echo "check_layers: no src/ in $root" >&2
    exit 2
fi

rules='
base:
config: base
quant: base
kernels: base quant
gguf: base quant
text: base gguf
backend: base quant kernels
kv: base backend
model: base quant gguf backend kv
engine: base kv model
engine/engine + quant gguf
engine/generation + text
upstream: base config
server: base config text engine upstream
cli: *
'

# Kernels are pure arithmetic: they may not speak.
forbidden='
kernels base/log.h
'

broken=$(mktemp)
trap 'rm -f "$broken"' EXIT INT TERM

find src -name '*.[ch]' -o -name '*.cu' -o -name '*.cuh' | sort | while read -r file; do
    awk -v file="$file" -v rules="$rules" -v forbidden="$forbidden" '
    function fail(line, text) {
        printf "%s:%d: %s\n", file, line, text
        failed = 1
    }
    function readable(path, line, got) {
        got = (getline line < path)
        close(path)
        return got >= 0
    }
    BEGIN {
        parts = split(file, part, "/")
        folder = part[2]
        stem = part[2] "/" part[3]
        sub(/\.[a-z]+$/, "", stem)
        if (parts != 3) fail(1, "source files lie in src/FOLDER/, not deeper and not above")
        count = split(rules, rule, "\n")
        for (i = 1; i <= count; i++) {
            fields = split(rule[i], field, " ")
            if (field[1] == folder ":") {
                known = 1
                for (j = 2; j <= fields; j++) allowed[field[j]] = 1
            }
            if (field[1] == stem && field[2] == "+")
                for (j = 3; j <= fields; j++) allowed[field[j]] = 1
        }
        if (parts == 3 && !known)
            fail(1, "the folder \"" folder "\" has no row in tools/check_layers.sh")
        count = split(forbidden, pair, "\n")
        for (i = 1; i <= count; i++) {
            split(pair[i], field, " ")
            if (field[1] == folder) refused[field[2]] = 1
        }
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        name = $0
        sub(/^[^"]*"/, "", name)
        sub(/".*$/, "", name)
        if (name ~ /\.c$/) fail(FNR, "includes a .c file")
        if (split(name, to, "/") != 2 || name ~ /\.\./) {
            fail(FNR, "\"" name "\": includes are written from src/, as \"base/error.h\"")
            next
        }
        if (!readable("src/" name)) fail(FNR, "\"" name "\" is not in src/")
        if (name in refused) fail(FNR, folder " may not include " name)
        else if (known && to[1] != folder && !(to[1] in allowed) && !("*" in allowed))
            fail(FNR, folder " may not include " to[1] " (" name ")")
    }
    END { exit failed }
    ' "$file" || echo "$file" >&3
done 3>"$broken"

if [ -s "$broken" ]; then
    echo "check_layers: $(wc -l <"$broken") files break the table of layers" >&2
    exit 1
fi
