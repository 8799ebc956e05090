#!/usr/bin/env bash
# Makes a Python environment with the newest huggingface_hub, the client that people point at Berth, and with numpy, in
# which it returns vectors.
#
#   .ci/python-clients.sh DIR
#
# Exit codes: 0 it is there, 69 this machine cannot have it (the last line on stderr says why).
set -euo pipefail

directory=${1:?usage: .ci/python-clients.sh DIR}
unavailable() { echo "python clients: $1" >&2; exit 69; }

[ -x "$directory/bin/hf" ] && "$directory/bin/python" -c 'import numpy' 2>&- && exit 0

python=$(command -v python3) || unavailable 'no python3 on PATH'
rm -rf "$directory"
"$python" -m venv "$directory" >&2 || unavailable "python3 cannot make a virtual environment; on Debian, apt-get install python3-venv"
"$directory/bin/pip" install --quiet --disable-pip-version-check --timeout 30 --retries 2 \
  --upgrade huggingface_hub numpy >&2 || { rm -rf "$directory"; unavailable 'huggingface_hub cannot be installed: the package index does not answer'; }
"$directory/bin/hf" version >&2
