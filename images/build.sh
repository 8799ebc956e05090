#!/usr/bin/env bash
# Builds container images of engines from this machine's own Node and from Debian's packages, without any registry:
#
#     images/build.sh [echo] [toolkit] [llamacpp]        (all of them when none is named)
#
#   localhost/berth/echo:VERSION      the rehearsal engine
#   localhost/berth/toolkit:VERSION   packages/toolkit under the names by which the engine "tei" starts its image
#   localhost/berth/llamacpp:VERSION  llama-server from Debian's packages, where its makers' image has it
#
# Needs Linux, curl, a static busybox, and a daemon at DOCKER_HOST (unix://…) or /var/run/docker.sock. What was unpacked of
# llama.cpp is kept in BERTH_IMAGES_CACHE, with a program `llama-server` that runs on the machine itself.
set -euo pipefail
cd "$(dirname "$0")/.."

host=${DOCKER_HOST:-unix:///var/run/docker.sock}
socket=${host#unix://}
cache=${BERTH_IMAGES_CACHE:-$PWD/node_modules/.cache/berth-images}
# The Node that the repository pins, which runs TypeScript.
PATH="$PWD/node_modules/.bin:$PATH"
node=$(node -p process.execPath)
version=$(node -p 'require("./package.json").version')
work=$(mktemp -d "${TMPDIR:-/tmp}/berth-images.XXXXXX")
trap 'rm -rf "$work"' EXIT

# as_image NAME ROOT: a directory as an image.
as_image() {
  tar --directory "$2" --create --file "$work/root.tar" .
  curl --silent --show-error --fail --unix-socket "$socket" -X POST --header 'Content-Type: application/x-tar' \
    --header 'Expect:' --upload-file "$work/root.tar" \
    "http://docker/images/create?fromSrc=-&repo=localhost/berth/$1&tag=$version&changes=ENV%20PATH%3D%2Fusr%2Fbin%3A%2Fbin" >/dev/null
  rm -f "$work/root.tar"
  echo "localhost/berth/$1:$version"
}

# libraries ROOT FILE…: what the dynamic linker would load for them, at the same paths.
libraries() {
  local root=$1
  shift
  { ldd "$@" 2>/dev/null || true; } |
    awk '$2 == "=>" && $3 ~ "^/" { print $3 } $1 ~ "^/" && $2 ~ "^[(]" { print $1 }' | sort -u | while read -r library; do
    case $library in "$PWD"/*) continue ;; esac
    mkdir -p "$root$(dirname "$library")"
    cp --dereference --no-clobber "$library" "$root$library"
  done
}

# node_root ROOT: Node with its libraries, and busybox for what scripts call.
node_root() {
  mkdir -p "$1"/{bin,etc,tmp,proc,dev,sys,repository,berth}
  cp "$node" "$1/bin/node"
  cp "$(command -v busybox)" "$1/bin/busybox"
  for applet in sh cat ls id; do ln -s busybox "$1/bin/$applet"; done
  libraries "$1" "$node"
  echo 'root:x:0:0::/:/bin/sh' >"$1/etc/passwd"
}

build_echo() {
  node_root "$work/echo"
  cp packages/server/src/engines/echo/echo-main.ts "$work/echo/berth/"
  echo '{"type":"module"}' >"$work/echo/berth/package.json"
  as_image echo "$work/echo"
}

build_toolkit() {
  local root="$work/toolkit"
  [ -d packages/toolkit/node_modules ] || { echo "images/build.sh: first npm run toolkit:install" >&2; exit 1; }
  node_root "$root"
  mkdir -p "$root/berth/toolkit/node_modules"
  cp -r packages/toolkit/src packages/toolkit/package.json "$root/berth/toolkit/"
  rm -rf "$root/berth/toolkit/src/testing"
  # Of what is built for other systems nothing is loaded here.
  tar --directory packages/toolkit/node_modules --create \
    --exclude='*/bin/napi-v*/win32' --exclude='*/bin/napi-v*/darwin' --exclude='*.map' --exclude='*.wasm' . |
    tar --directory "$root/berth/toolkit/node_modules" --extract
  # shellcheck disable=SC2046
  libraries "$root" $(find packages/toolkit/node_modules -name '*.node' -o -name '*.so*' -type f | grep -vE 'win32|darwin|musl')
  # The name by which text-embeddings-inference's image starts. Ours writes no JSON log, and need not be asked not to.
  cat >"$root/bin/text-embeddings-router" <<'ROUTER'
#!/bin/sh
for argument; do
  shift
  [ "$argument" = --json-output ] || set -- "$@" "$argument"
done
exec node /berth/toolkit/src/toolkit-main.ts --api tei "$@"
ROUTER
  chmod 755 "$root/bin/text-embeddings-router"
  as_image toolkit "$root"
}

# Debian packages llama.cpp for newer suites than most machines run, so they are unpacked and not installed.
fetch_llamacpp() {
  local apt="$cache/apt" root="$cache/llamacpp"
  if "$cache/llama-server" --version >/dev/null 2>&1; then return 0; fi
  rm -rf "$apt" "$root"
  mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,etc/apt.conf.d,etc/preferences.d} "$root"
  touch "$apt/state/status"
  local mirror
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | head -n 1 | tr -d ' ' || true)
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} forky main" >"$apt/etc/sources.list"
  local options=(
    -o "Dir::State=$apt/state" -o "Dir::State::status=$apt/state/status" -o "Dir::Cache=$apt/cache"
    -o "Dir::Etc=$apt/etc" -o Dir::Etc::sourcelist=sources.list -o Dir::Etc::sourceparts=-
    -o APT::Sandbox::User= -o Debug::NoLocking=1 -o APT::Get::List-Cleanup=0
  )
  apt-get "${options[@]}" update -qq
  apt-get "${options[@]}" install -qq --yes --no-install-recommends --download-only llama.cpp-tools >/dev/null
  for package in "$apt"/cache/archives/*.deb; do dpkg-deb --extract "$package" "$root"; done
  rm -rf "$apt" "$root"/usr/share/{doc,man,locale}
  for name in lib lib64; do
    if [ ! -e "$root/$name" ]; then ln -s "usr/$name" "$root/$name"; fi
  done
  mkdir -p "$root"/{tmp,proc,dev,sys,repository,app,etc}
  # On the machine itself the program is started by its own dynamic linker, beside which it then looks for its backends.
  local linker place
  linker=$(find "$root/usr/lib" -name 'ld-linux-*.so.*' | head -n 1)
  place=$(dirname "$linker")
  find "$root/usr/lib" -path '*ggml/backends*' -name '*.so' -exec ln -srf {} "$place/" \;
  ln -sf /usr/bin/llama-server "$root/app/llama-server"
  # By its own place, so that a checkout can be moved.
  cat >"$cache/llama-server" <<PROGRAM
#!/bin/sh
root=\$(dirname "\$(readlink -f "\$0")")/llamacpp
place=\$root${place#"$root"}
exec "\$place/${linker##*/}" --library-path "\$place:\$place/llama" "\$root/usr/bin/llama-server" "\$@"
PROGRAM
  chmod 755 "$cache/llama-server"
  "$cache/llama-server" --version >/dev/null 2>&1
}

build_llamacpp() {
  fetch_llamacpp
  as_image llamacpp "$cache/llamacpp"
}

if [ $# -eq 0 ]; then set -- echo toolkit llamacpp; fi
for name in "$@"; do
  case $name in
    echo | toolkit | llamacpp) "build_$name" ;;
    *)
      echo "images/build.sh: there is no image \"$name\": echo, toolkit, llamacpp" >&2
      exit 2
      ;;
  esac
done
