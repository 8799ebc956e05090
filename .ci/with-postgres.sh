#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own, which is gone afterwards:
#
#     .ci/with-postgres.sh npx vitest run packages/server/src/store
#
# The command finds its address in BERTH_TEST_POSTGRES_URL. On Debian, PostgreSQL is installed if it is missing (as
# root). The server listens on loopback only, on a free port, and its data never syncs to disk: it is for tests.
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: $0 COMMAND [ARGUMENT…]" >&2
  exit 2
fi

# The newest that is installed, or nothing.
programs() { find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1 || true; }

bin=$(programs)
if [ -z "$bin" ] && command -v initdb >/dev/null; then
  bin=$(dirname "$(command -v initdb)")
fi
if [ -z "$bin" ]; then
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "$0: PostgreSQL is not installed. Install it (Debian: apt-get install postgresql), then run this again." >&2
    exit 1
  fi
  echo "$0: installing PostgreSQL" >&2
  export DEBIAN_FRONTEND=noninteractive
  {
    apt-get update && apt-get install -y --no-install-recommends postgresql-common
    # No cluster of its own: this script makes one and takes it away again.
    sed -ri 's/^#?create_main_cluster .*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
    apt-get install -y --no-install-recommends postgresql
  } >&2
  bin=$(programs)
fi

# PostgreSQL refuses to run as root.
as_owner() { "$@"; }
if [ "$(id -u)" -eq 0 ]; then
  as_owner() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
fi

directory=$(mktemp -d "${TMPDIR:-/tmp}/berth-postgres.XXXXXX")
command_pid=
clean_up() {
  [ -f "$directory/data/postmaster.pid" ] &&
    as_owner "$bin/pg_ctl" --pgdata="$directory/data" --mode=immediate --wait stop >/dev/null
  rm -rf "$directory"
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

if [ "$(id -u)" -eq 0 ]; then chown postgres "$directory"; fi
cd "$directory" # where its owner may be
as_owner "$bin/initdb" --pgdata="$directory/data" --username=berth --auth=trust --encoding=UTF8 \
  --no-sync >"$directory/initdb.log" || { cat "$directory/initdb.log" >&2; exit 1; }

# A free port may be taken before the server has it: then another is tried.
started=
for _ in 1 2 3 4 5; do
  port=$((20000 + RANDOM % 12000))
  if as_owner "$bin/pg_ctl" --pgdata="$directory/data" --log="$directory/server.log" --wait --timeout=60 \
    --options="-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories='$directory' -c fsync=off" \
    start >/dev/null; then
    started=yes
    break
  fi
done
if [ -z "$started" ]; then
  cat "$directory/server.log" >&2
  exit 1
fi

export BERTH_TEST_POSTGRES_URL="postgres://berth@127.0.0.1:$port/postgres"
cd "$OLDPWD"
# In the background, so that a signal is handled while it runs.
"$@" &
command_pid=$!
wait "$command_pid"
