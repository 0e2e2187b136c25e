#!/bin/sh
# test-arm64.sh REPORT - builds all of longhaul for arm64 with a cross-compiler, warnings being
# errors, and runs the tests of the layers up to the kernels and the cache under qemu.
#
# Writes the tests' results to REPORT, as tools/count_tests.py reads them.  Exit status: 0 all
# passed; 1 some failed, or the build did (then there is no REPORT); 77 something is missing here
# and nothing was tried.  Needs aarch64-linux-gnu-gcc, qemu-aarch64 and, once, Debian's mirror.
#
# Emulation is some 20 times slower than the machine, so each thing runs once, where it says most:
# the kernels on a CPU without any extension (level neon), the products of integers also on one with
# sdot (dotprod) and on one with smmla (i8mm), the rest on the last.  What runs a whole model
# (model, engine and above) is built only.
set -u

if [ $# -ne 1 ]; then
    echo "usage: test-arm64.sh REPORT" >&2
    exit 2
fi
report=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") || exit 2
cd "$(dirname "$0")/.." || exit 2
rm -f "$report"
for command in aarch64-linux-gnu-gcc qemu-aarch64 meson; do
    if ! command -v $command >/dev/null 2>&1; then
        echo "test-arm64: no $command"
        exit 77
    fi
done

jobs=$(nproc 2>/dev/null || echo 2)
folder=build-arm64
mkdir -p build
if ! sh tools/cross/sysroot.sh build/sysroot-arm64; then
    echo "test-arm64: cannot get the libraries of arm64"
    exit 77
fi
if [ -f $folder/build.ninja ]; then
    meson configure $folder --buildtype=release -Dwerror=true || exit 1
else
    meson setup $folder --buildtype=release -Dwerror=true \
        --cross-file build/sysroot-arm64.ini --cross-file tools/cross/arm64.ini || exit 1
fi
ninja -C $folder -j "$jobs" -k 20 || exit 1

LONGHAUL_MODELS_DIR=$PWD/build/no-models
export LONGHAUL_MODELS_DIR
status=0
tested=
emulate() { # NAME CPU MESON-TEST-ARGUMENTS...
    log=$folder/meson-logs/$1.json
    QEMU_CPU=$2
    export QEMU_CPU
    rm -f "$log"
    logbase=$1
    shift 2
    meson test -C $folder --no-rebuild --num-processes "$jobs" --timeout-multiplier 3 \
        --logbase "$logbase" "$@" || status=1
    tested="$tested $log"
}
emulate neon cortex-a57 --suite kernels
emulate dotprod neoverse-n1 matmul peak
emulate i8mm max matmul peak
emulate rest max --suite base --suite quant --suite gguf --suite kv
# shellcheck disable=SC2086 # file names
cat $tested >"$report" || status=1
exit $status
