"""Vectors and similarities from an endpoint, as huggingface_hub asks for them: at the endpoint's root."""

import sys

import berth_client  # noqa: F401
from huggingface_hub import HfApi

SENTENCE = "What is an endpoint?"
client = HfApi().get_inference_endpoint(sys.argv[1]).client

one = client.feature_extraction(SENTENCE)
assert one.shape[0] == 1 and one.shape[1] > 8, one.shape
two = client.feature_extraction([SENTENCE, "Scale to zero."], truncate=None)
assert two.shape == (2, one.shape[1]), two.shape

same, other = client.sentence_similarity(SENTENCE, [SENTENCE, "Scale to zero."])
assert abs(same - 1) < 0.01 and other < same, (same, other)
print("all tasks passed")
