"""The sentence encoder all-MiniLM-L6-v2, written out in numpy: what its embeddings must be.

    minilm_reference.py MODEL_DIRECTORY < sentences.json > embeddings.json

Tokens come from Hugging Face's own tokenizers, weights from the trained safetensors; nothing of ONNX is used.
"""
import json
import math
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

directory = Path(sys.argv[1])
config = json.loads((directory / "config.json").read_text())
weights = load_file(directory / "model.safetensors")
tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
tokenizer.no_padding()
erf = np.vectorize(math.erf)


def dense(x, name):
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def norm(x, name):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + config["layer_norm_eps"])
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def attention(x, name):
    heads = config["num_attention_heads"]
    split = lambda part: dense(x, f"{name}.self.{part}").reshape(len(x), heads, -1).transpose(1, 0, 2)
    query, key, value = split("query"), split("key"), split("value")
    scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    shares /= shares.sum(-1, keepdims=True)
    return (shares @ value).transpose(1, 0, 2).reshape(len(x), -1)


def embed(sentence):
    ids = tokenizer.encode(sentence).ids
    embeddings = "embeddings.{}_embeddings.weight".format
    x = weights[embeddings("word")][ids] + weights[embeddings("position")][: len(ids)]
    x = norm(x + weights[embeddings("token_type")][0], "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        seen = dense(attention(x, f"{name}.attention"), f"{name}.attention.output.dense")
        x = norm(x + seen, f"{name}.attention.output.LayerNorm")
        inner = dense(x, f"{name}.intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / math.sqrt(2)))
        x = norm(x + dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean = x.mean(0)
    return (mean / np.linalg.norm(mean)).tolist()


json.dump([embed(sentence) for sentence in json.load(sys.stdin)], sys.stdout)
