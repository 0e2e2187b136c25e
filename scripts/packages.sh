# packages.sh - what longhaul needs from Debian 12, and how to get what is missing.
#
# Sourced by quickstart.sh and test.sh (POSIX sh).  A row is: the kind of thing, the thing, and the
# package that brings it.  What is there already, from wherever, is left alone; only what
# is missing is installed, as root or with sudo.

packages_build='
command cc gcc
command meson meson
command ninja ninja-build
command pkg-config pkg-config
header stdio.h libc6-dev
library libmicrohttpd libmicrohttpd-dev
library jansson libjansson-dev
library libpcre2-8 libpcre2-dev
library libcurl libcurl4-openssl-dev
library libxxhash libxxhash-dev
library nettle nettle-dev
library nettle nettle-dev
file /etc/ssl/certs/ca-certificates.crt ca-certificates
command curl curl
command python3 python3
python pip python3-pip
python pip python3-pip
'

packages_test='
library cmocka libcmocka-dev
python venv,ensurepip python3-venv
'

# Only for further compilers and for arm64; test.sh goes on without them.
packages_check='
command clang clang
command aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
command qemu-aarch64 qemu-user
'

# packages_missing ROWS: the packages of the rows whose thing is not there.
packages_missing() {
    echo "$1" | while read -r kind thing package; do
        case $kind in
        '') continue ;;
        command) command -v "$thing" >/dev/null 2>&1 ;;
        library) pkg-config --exists "$thing" 2>/dev/null ;;
        header) [ -e "/usr/include/$thing" ] ;;
        file) [ -e "$thing" ] ;;
        python) python3 -c "import $thing" >/dev/null 2>&1 ;;
        *) false ;;
        esac || printf '%s ' "$package"
    done
}

# packages_install ROWS: installs what is missing; 1 with one sentence when it cannot.
packages_install() {
    missing=$(packages_missing "$1")
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "these Debian packages (or their like) are missing: $missing" >&2
        return 1
    fi
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "install these as root, then run this again: apt-get install $missing" >&2
            return 1
        fi
        as_root=sudo
    fi
    echo "installing $missing" >&2
    # shellcheck disable=SC2086 # the names are words
    if ! { $as_root apt-get -q update &&
        $as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get -q install -y --no-install-recommends $missing; } >&2; then
        echo "apt-get could not install $missing" >&2
        return 1
    fi
}
