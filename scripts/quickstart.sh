#!/bin/sh
# quickstart.sh - from a fresh clone to an answer: dependencies, build, a model, the server, a
# question.  See --help.
set -eu

usage() {
    cat <<'END'
usage: sh scripts/quickstart.sh [--model NAME] [--port N] [--keep] [--no-install] [QUESTION]

On Debian 12 (as root or with sudo): installs the packages that are missing, builds
build/longhaul, fetches a model and checks it, starts the server on this machine only, asks
it QUESTION over the OpenAI API and prints the answer.  The server is stopped at the end.

  --model NAME   which model (default qwen2.5-coder-0.5b, 491 MB: small enough for minutes; with
                 16 GB of memory qwen2.5-coder-7b, 4.7 GB, is the one to work with);
                 `build/longhaul pull --list` shows the names
  --port N       the server's port (default 8027)
  --keep         leaves the server running, and says how to stop it
  --no-install   installs no Debian packages
END
}

model=qwen2.5-coder-0.5b port=8027 keep=no install=yes question=
while [ $# -gt 0 ]; do
    case $1 in
    --model | --port)
        [ $# -gt 1 ] || { echo "quickstart.sh: $1 needs a value; see --help" >&2; exit 2; }
        case $1 in --model) model=$2 ;; --port) port=$2 ;; esac
        shift
        ;;
    --keep) keep=yes ;;
    --no-install) install=no ;;
    -h | --help) usage; exit 0 ;;
    -*) echo "quickstart.sh: unknown option $1; see --help" >&2; exit 2 ;;
    *) question=$1 ;;
    esac
    shift
done
question=${question:-"Write a C function that reverses a string in place. Be brief."}

cd "$(dirname "$0")/.."
. scripts/packages.sh

step() {
    echo "==> $*" >&2
}

url=http://127.0.0.1:$port
began=$(date +%s)
server= log= answer=
finish() {
    status=$?
    if [ -n "$server" ] && [ "$keep" = no ]; then
        kill "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    fi
    [ -z "$answer" ] || rm -f "$answer"
    exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ $install = yes ]; then
    step "packages"
    packages_install "$packages_build"
fi

step "building build/longhaul"
[ -f build/build.ninja ] || meson setup build --buildtype=release >&2
ninja -C build longhaul >&2

step "model $model"
file=$(build/longhaul pull "$model")
case $model in */*) served=$file ;; *) served=$model ;; esac

if curl --noproxy "*" -s -o /dev/null "$url/health"; then
    echo "quickstart.sh: something already listens on port $port; give another with --port" >&2
    exit 1
fi
step "starting the server"
log=build/quickstart-server.log
if [ "$keep" = yes ]; then
    nohup build/longhaul serve --model "$served" --port "$port" >"$log" 2>&1 </dev/null &
else
    build/longhaul serve --model "$served" --port "$port" >"$log" 2>&1 </dev/null &
fi
server=$!
until curl --noproxy "*" -sf -o /dev/null "$url/health"; do
    if ! kill -0 "$server" 2>/dev/null; then
        echo "quickstart.sh: the server ended:" >&2
        cat "$log" >&2
        server=
        exit 1
    fi
    sleep 0.2
done
grep -A3 ' serves ' "$log" >&2 || true

step "asking: $question"
answer=$(mktemp)
python3 -c 'import json, sys
print(json.dumps({"messages": [{"role": "user", "content": sys.argv[1]}],
                  "max_tokens": 400, "temperature": 0}))' \
    "$question" |
    curl --noproxy "*" -sS -H 'Content-Type: application/json' -d @- -o "$answer" \
        "$url/v1/chat/completions"
python3 - "$answer" <<'END'
import json, sys
reply = json.load(open(sys.argv[1]))
if "error" in reply:
    sys.exit("the server answered: " + reply["error"]["message"])
print(reply["choices"][0]["message"]["content"])
END

if [ "$keep" = yes ]; then
    cat >&2 <<END

The server runs on (process $server, log $log).  It speaks the OpenAI API at
$url/v1 - any key will do.  To stop it: kill $server
END
else
    cat >&2 <<END

That took $(($(date +%s) - began)) s.  The server is stopped again.  To go on:

  a conversation here          build/longhaul run $model
  the API for your programs    build/longhaul serve $model
  with 16 GB of memory         build/longhaul pull qwen2.5-coder-7b
  what else there is           build/longhaul --help
END
fi
