#!/usr/bin/env bash
# Runs a command with a Docker daemon of its own, which is gone afterwards with everything in it:
#
#     .ci/with-docker.sh npx vitest run packages/server/src/runtime/docker
#
# The command finds the daemon's socket in BERTH_TEST_DOCKER_SOCKET and, in BERTH_TEST_DOCKER_IMAGE, the name of an
# image with `node` and busybox that was made here, from no registry. Needs root; on Debian, Docker is installed if it
# is missing. A daemon that runs already is not touched.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)

if [ $# -eq 0 ]; then
  echo "usage: $0 COMMAND [ARGUMENT…]" >&2
  exit 2
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "$0: a Docker daemon of one's own needs root. Or set BERTH_TEST_DOCKER_SOCKET and BERTH_TEST_DOCKER_IMAGE yourself." >&2
  exit 1
fi

missing=()
command -v dockerd >/dev/null || missing+=(docker.io)
[ -x /bin/busybox ] || missing+=(busybox-static)
command -v iptables >/dev/null || missing+=(iptables)
command -v openssl >/dev/null || missing+=(openssl)
command -v curl >/dev/null || missing+=(curl)
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || { echo "$0: missing: ${missing[*]}" >&2; exit 1; }
  echo "$0: installing ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >&2
fi

directory=$(mktemp -d "${TMPDIR:-/tmp}/berth-docker.XXXXXX")
socket="$directory/docker.sock"
bridge="brth$((RANDOM % 10000))"
daemon_pid=
command_pid=
api() { curl --silent --show-error --fail --unix-socket "$socket" "$@"; }

clean_up() {
  if [ -n "$daemon_pid" ] && kill -0 "$daemon_pid" 2>/dev/null; then
    for id in $(api 'http://docker/containers/json?all=true' 2>/dev/null | grep -oE '"Id":"[0-9a-f]{64}"' | cut -d'"' -f4); do
      api -X DELETE "http://docker/containers/$id?force=true&v=true" >/dev/null || true
    done
    # Bridges outlive their daemon.
    api -X POST 'http://docker/networks/prune' >/dev/null || true
    kill -TERM "$daemon_pid" && wait "$daemon_pid" || true
  fi
  ip link delete "$bridge" 2>/dev/null || true
  if [ -f "$directory/iptables" ]; then iptables-restore <"$directory/iptables"; fi
  # What is still mounted must not be deleted through.
  awk -v root="$directory/" 'index($2, root) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount || true
  rm -rf --one-file-system "$directory"
}
trap clean_up EXIT
# An interrupt ends the command first; the exit that follows then cleans up.
interrupted() {
  if [ -n "$command_pid" ]; then
    kill -TERM "$command_pid" 2>/dev/null || true
    wait "$command_pid" || true
  fi
  exit 130
}
trap interrupted INT TERM

# The daemon changes the rules for packets and leaves them so. Where another daemon lives by them, they stay.
if ! iptables --list-rules DOCKER-USER >/dev/null 2>&1; then iptables-save >"$directory/iptables"; fi

# A bridge of its own, so that a daemon that runs already keeps its "docker0".
ip link add "$bridge" type bridge
ip address add "10.$((200 + RANDOM % 50)).$((RANDOM % 250)).1/24" dev "$bridge"
ip link set "$bridge" up
dockerd --host "unix://$socket" --data-root "$directory/data" --exec-root "$directory/exec" \
  --pidfile "$directory/pid" --bridge "$bridge" >"$directory/log" 2>&1 &
daemon_pid=$!
for _ in $(seq 150); do
  if api http://docker/_ping >/dev/null 2>&1; then break; fi
  if ! kill -0 "$daemon_pid" 2>/dev/null; then break; fi
  sleep 0.2
done
api http://docker/_ping >/dev/null || { tail -n 30 "$directory/log" >&2; exit 1; }

# A root filesystem: the Node of the machine with the libraries that it names, busybox, and nothing else.
image=berth-test:node
node=$(node -p process.execPath)
root="$directory/root"
mkdir -p "$root"/{bin,etc,tmp,proc,dev,sys,repository}
cp "$node" "$root/bin/node"
cp /bin/busybox "$root/bin/busybox"
for applet in sh sleep cat wget ls id df; do ln -s busybox "$root/bin/$applet"; done
ldd "$node" | grep -oE '/[^ ]+' | while read -r library; do
  mkdir -p "$root$(dirname "$library")"
  cp --dereference "$library" "$root$library"
done
echo 'root:x:0:0::/:/bin/sh' >"$root/etc/passwd"
tar --directory "$root" --create --file "$directory/root.tar" .
api -X POST --header 'Content-Type: application/x-tar' --header 'Expect:' --upload-file "$directory/root.tar" \
  "http://docker/images/create?fromSrc=-&repo=${image%:*}&tag=${image#*:}&changes=ENV%20PATH%3D%2Fbin" >/dev/null
rm -rf "$root" "$directory/root.tar"

export BERTH_TEST_DOCKER_SOCKET="$socket" BERTH_TEST_DOCKER_IMAGE="$image"
# In the background, so that a signal is handled while it runs.
"$@" &
command_pid=$!
wait "$command_pid"
