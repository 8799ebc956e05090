"""The `hf` command, pointed at a Berth."""

import sys

import berth_client  # noqa: F401
from huggingface_hub.cli.hf import main

sys.exit(main())
