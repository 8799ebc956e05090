"""Points huggingface_hub at a Berth: two of its addresses have no environment variable and are set here.

The addresses are read when a call is made, so setting them after the import is enough. HF_ENDPOINT=<berth>/hub and
HF_TOKEN come from the environment, as for anyone who points the client elsewhere.
"""

import os

from huggingface_hub import constants

BERTH_URL = os.environ["BERTH_URL"]
constants.INFERENCE_ENDPOINTS_ENDPOINT = f"{BERTH_URL}/v2"
constants.INFERENCE_CATALOG_ENDPOINT = f"{BERTH_URL}/api/catalog"
