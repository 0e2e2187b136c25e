#!/bin/sh
# sysroot.sh DIRECTORY - the arm64 libraries and headers that longhaul needs, as a folder.
#
# Fetches Debian's arm64 packages (some 30 MB, about 70 of them) from the mirror that this machine's
# apt uses and unpacks them in DIRECTORY; needs neither root nor a foreign architecture in dpkg, and
# changes nothing outside DIRECTORY.  Beside them it writes DIRECTORY.ini, which names the folder
# for tools/cross/arm64.ini.  Does nothing when DIRECTORY is complete already.
set -eu

if [ $# -ne 1 ] || [ -z "$1" ]; then
    echo "usage: sysroot.sh DIRECTORY" >&2
    exit 2
fi
packages='libc6-dev libcmocka-dev libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev libpcre2-dev
    libxxhash-dev libzstd-dev nettle-dev'
mkdir -p "$1"
root=$(cd "$1" && pwd)
if [ -f "$root/packages" ] && [ "$(cat "$root/packages")" = "$packages" ]; then
    exit 0
fi
apt=$root.apt
rm -rf "$root" "$apt"
mkdir -p "$root" "$apt/lists/partial" "$apt/archives/partial" "$apt/trusted.gpg.d"

# The sources and keys of this machine, everything else apart.
cat >"$apt/conf" <<END
APT::Architecture "arm64";
#clear APT::Architectures;
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Dir::State "$apt";
Dir::State::lists "$apt/lists";
Dir::State::status "/dev/null";
Dir::Cache "$apt";
Dir::Log "$apt";
END
APT_CONFIG=$apt/conf
export APT_CONFIG
apt-get -q update
# shellcheck disable=SC2086 # the names are words
apt-get -q -y --no-install-recommends --download-only install $packages
for package in "$apt"/archives/*.deb; do
    dpkg-deb -x "$package" "$root"
done
rm -rf "$apt" "$root/usr/share/doc" "$root/usr/share/man"

# Links to absolute names would lead out of the folder.
find "$root" -type l | while read -r link; do
    target=$(readlink "$link")
    case $target in
    /*) ln -sfn "$root$target" "$link" ;;
    esac
done
printf "[constants]\nsysroot = '%s'\n" "$root" >"$root.ini"
printf '%s\n' "$packages" >"$root/packages"
