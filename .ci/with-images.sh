#!/usr/bin/env bash
# Runs a command with the images of Berth's own engines on the daemon that .ci/with-docker.sh has started, and with the
# path of a real llama-server for this machine in BERTH_TEST_LLAMA_SERVER:
#
#     .ci/with-docker.sh .ci/with-images.sh npm run test:e2e -- e2e/both-runtimes.test.ts
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
export BERTH_IMAGES_CACHE="${BERTH_IMAGES_CACHE:-$repository/node_modules/.cache/berth-images}"
DOCKER_HOST="unix://$BERTH_TEST_DOCKER_SOCKET" "$repository/images/build.sh"
export BERTH_TEST_LLAMA_SERVER="$BERTH_IMAGES_CACHE/llama-server"
exec "$@"
