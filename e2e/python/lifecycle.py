"""The life of an endpoint as a Python program sees it, from create to delete, through huggingface_hub's own objects."""

import time

import berth_client  # noqa: F401
import huggingface_hub
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError

QUESTION = "What is an endpoint?"
api = HfApi()


def until(what, condition, deadline_s=60):
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"waited {deadline_s} s for {what}, in vain"
        time.sleep(0.1)


def step(name):
    print(f"ok: {name}", flush=True)


endpoint = api.create_inference_endpoint(
    "python",
    repository="berth/guide",
    framework="custom",
    task="text-generation",
    accelerator="cpu",
    instance_type="cpu",
    instance_size="x1",
    region="default",
    vendor="local",
    type="private",
    custom_image={"llamacpp": {"modelPath": "/repository/guide.gguf", "ctxSize": 4096, "nParallel": 2, "threadsHttp": 2}},
    env={"COLOUR": "blue"},
    tags=["e2e"],
)
assert endpoint.name == "python" and endpoint.status in ("pending", "initializing", "running"), endpoint
step("create")

endpoint.wait(timeout=60, refresh_every=1)
assert endpoint.status == "running" and endpoint.url, endpoint
step("wait")

client = endpoint.client  # kept: a stream ends when its client is collected
answer = client.chat_completion([{"role": "user", "content": QUESTION}], temperature=0, max_tokens=60)
plain = answer.choices[0].message.content
assert "URL" in plain, plain
assert answer.usage.completion_tokens > 0, answer.usage
step("chat_completion")

streamed = "".join(
    chunk.choices[0].delta.content or ""
    for chunk in client.chat_completion(
        [{"role": "user", "content": QUESTION}], temperature=0, max_tokens=60, stream=True
    )
    if chunk.choices
)
assert streamed == plain, (streamed, plain)
step("chat_completion, streamed")

generated = client.text_generation("An endpoint is", max_new_tokens=8)
assert isinstance(generated, str) and generated, generated
tokens = list(client.text_generation("An endpoint is", max_new_tokens=8, stream=True, details=True))
assert "".join(one.token.text for one in tokens) == generated, (tokens, generated)
assert tokens[-1].generated_text == generated and tokens[-1].details.generated_tokens > 0, tokens[-1]
try:
    client.text_generation("An endpoint is", watermark=True)
    raise AssertionError("a parameter that the engine does not have was taken")
except HfHubHTTPError as error:
    assert error.response.status_code == 400 and "watermark" in str(error), error
step("text_generation, plain and streamed")

assert [one.name for one in api.list_inference_endpoints() if one.name == "python"] == ["python"]
step("list")

endpoint.update(custom_image={"llamacpp": {"modelPath": "guide.gguf", "ctxSize": 2048, "nParallel": 1, "threadsHttp": 1}})
endpoint.wait(timeout=60, refresh_every=1)
until("the update", lambda: endpoint.fetch().status == "running")
assert endpoint.raw["model"]["image"]["llamacpp"]["ctxSize"] == 2048, endpoint.raw["model"]
assert endpoint.client.chat_completion([{"role": "user", "content": QUESTION}], max_tokens=5).choices
step("update")

endpoint.update(min_replica=0, max_replica=1, scale_to_zero_timeout=15)
assert endpoint.raw["compute"]["scaling"]["scaleToZeroTimeout"] == 15, endpoint.raw["compute"]
step("update of the scaling")

endpoint.pause()
until("paused", lambda: endpoint.fetch().status == "paused")
try:
    endpoint.client.chat_completion([{"role": "user", "content": QUESTION}])
    raise AssertionError("a paused endpoint answered")
except HfHubHTTPError as error:
    assert error.response.status_code == 503 and "is paused. Resume it" in str(error), error
step("pause")

endpoint.resume()
endpoint.wait(timeout=60, refresh_every=1)
endpoint.resume()  # already running, which is fine unless one asks otherwise
try:
    endpoint.resume(running_ok=False)
    raise AssertionError("resume of a running endpoint was not refused")
except HfHubHTTPError as error:
    assert "already running" in str(error), error
step("resume")

endpoint.scale_to_zero()
until("scaledToZero", lambda: endpoint.fetch().status == "scaledToZero")
woken = endpoint.client.chat_completion([{"role": "user", "content": QUESTION}], temperature=0, max_tokens=60)
assert woken.choices[0].message.content == plain, woken
step("scale_to_zero, and awake again for a request")

try:
    api.create_inference_endpoint(
        "python", repository="berth/guide", framework="custom", accelerator="cpu",
        instance_type="cpu", instance_size="x1", region="default", vendor="local",
    )
    raise AssertionError("the same name was given twice")
except HfHubHTTPError as error:
    assert error.response.status_code in (400, 409) and "python" in str(error), error
step("a refusal reaches the caller")

endpoint.delete()


def is_gone():
    try:
        api.get_inference_endpoint("python")
        return False
    except HfHubHTTPError as error:
        return error.response.status_code == 404


until("deleted", is_gone)
step("delete")
print(f"huggingface_hub {huggingface_hub.__version__}: all steps passed")
