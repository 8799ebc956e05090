/** What a schema cannot say about an engine: what it is for, and the first commands. */
export type Guide = {
  readonly title: string
  readonly variant: string
  readonly what: string
  /** When to take it, and when another. */
  readonly when: string
  /** Where it runs, when that depends on more than its launch plan says. */
  readonly runsAs?: string
  /** Commands for somebody who has never used it. */
  readonly first: readonly string[]
  /** What to look at first among its settings and arguments. */
  readonly setFirst: readonly string[]
  /** What is seen when it fails, and what mends it. */
  readonly fails: readonly (readonly [seen: string, mend: string])[]
  readonly good: readonly string[]
}

export const GUIDES: Readonly<Record<string, Guide>> = {
  llamacpp: {
    title: 'llama.cpp',
    variant: 'llamacpp',
    what: 'Text generation and embeddings from GGUF files, on processors and GPUs. It runs as a program of the machine, so nothing else has to be installed: the embedded one comes with Berth, and a real `llama-server` on the PATH is preferred.',
    when: 'On a laptop, on processors, and wherever a repository has GGUF files. For many callers at a time on a GPU take [vLLM](vllm.md).',
    runsAs: 'a program, or a container with the Docker runtime',
    setFirst: [
      '`ctxSize` and `nParallel`: how long a conversation may be, and how many at a time. The default is 4 of 2048 tokens each.',
      '`modelPath`, or `--file Q4_K_M`: which of the quantisations. Smaller is faster and knows less.',
    ],
    fails: [
      [
        '`… needs a real llama-server`',
        'Install llama.cpp, or leave out the setting: the embedded program has no reranking, pictures, draft models and adapters.',
      ],
      [
        'an answer ends early, `finish_reason` is `length`',
        'The slot was full: raise `ctxSize`, or lower `nParallel`.',
      ],
      [
        '`used more than its … of memory`',
        'Choose a larger instance, a smaller quantisation or a smaller `ctxSize`; `berth plan` says how much is enough.',
      ],
      [
        '`400` with `Failed to initialize samplers`',
        'The model’s chat template and a JSON schema do not go together: ask without `response_format`, or take another conversion of the model.',
      ],
    ],
    first: [
      'berth plan Qwen/Qwen2.5-0.5B-Instruct-GGUF --context 4096 --concurrency 2',
      'berth deploy Qwen/Qwen2.5-0.5B-Instruct-GGUF --file Q4_K_M --ctx 8192 --parallel 2',
      'berth call qwen2-5-0-5b-instruct "Say hello."',
    ],
    good: [
      '`ctxSize` is shared by all slots: each request gets `ctxSize ÷ nParallel` tokens.',
      'Threads are always the whole processors of the instance, at least one: more would spin against each other.',
      'An embedding model is started with `mode: "embeddings"`; `berth plan` proposes it.',
    ],
  },
  vllm: {
    title: 'vLLM',
    variant: 'vLLM',
    what: 'Text generation for many requests at a time from transformers weights, on GPUs; embeddings, reranking and classification too.',
    when: 'For many callers of one model on a GPU, for adapters beside it, and for pictures and tools. Without a GPU take [llama.cpp](llamacpp.md).',
    runsAs: 'a container, or the program that `BERTH_VLLM` names',
    setFirst: [
      '`--max-model-len`: the longest prompt with its answer. The model’s own is often more than the GPU has room for.',
      '`maxNumSeqs`: requests in one step; fewer leave more cache to each.',
      '`tensorParallelSize` and `dataParallelSize`, where an instance has several GPUs: by default all of them share every layer.',
    ],
    fails: [
      [
        '`kv_cache_too_large`',
        'Lower `--max-model-len`, take `kvCacheDtype` fp8, or choose more GPU memory.',
      ],
      [
        '`out_of_gpu_memory`',
        'The weights do not fit, or another program uses the GPU: a larger instance, a quantised model.',
      ],
      ['`unsupported_architecture`', 'The model is newer than the version: name a newer image in `url`.'],
      [
        '`no_shared_memory`',
        'Its processes talk through shared memory, which is half of the instance’s: choose one with more memory.',
      ],
      [
        '404 `{"detail":"Not Found"}`',
        'It opens only the routes of what the model is: a model that generates has no `/v1/embeddings`, unless `--runner pooling` says otherwise.',
      ],
    ],
    first: [
      'berth plan Qwen/Qwen2.5-7B-Instruct --engine vLLM --context 16384',
      'berth deploy Qwen/Qwen2.5-7B-Instruct --engine vLLM --instance nvidia-l4/x1 --arg=--max-model-len --arg=16384',
    ],
    good: [
      'It takes nearly all memory of its GPUs, whatever the size of the model; what is left of it is KV cache.',
      'One request of the full length must fit: `--max-model-len` makes it shorter.',
      'Without containers: `BERTH_VLLM=/opt/vllm/bin/vllm berth serve` runs the program that `pip install vllm` made, as a process of the machine. Berth asks it nothing when it starts, since a try takes half a minute.',
      'On an instance without a GPU it needs a build for processors, by `url` or `BERTH_VLLM`, and takes about 3 GiB before the model. Its cache is then a quarter of the instance’s memory and its threads are the instance’s processors; `VLLM_CPU_KVCACHE_SPACE` and `OMP_NUM_THREADS` in `model.env` change that. Sleep does nothing there.',
      'Its key guards the routes under `/v1` alone. The others, `/invocations` and `/tokenize` among them, answer whoever reaches its port: the network of its container, or the programs of this machine where it is a process.',
      'Tried with vLLM 0.32.0 on processors: [decision 98](../decisions/0098-vllm-as-a-program.md).',
    ],
  },
  sglang: {
    title: 'SGLang',
    variant: 'sGLang',
    what: 'Text generation from transformers weights on GPUs, with a tree of shared prompt beginnings, in a container.',
    when: 'Where many prompts begin alike: agents, few-shot prompts, long system prompts. Otherwise [vLLM](vllm.md) is the more common choice.',
    setFirst: [
      '`--context-length`: the longest prompt with its answer.',
      '`maxRunningRequests`: requests at the same time.',
      '`--mem-fraction-static`: the part of the GPU’s memory for weights and cache; lower it when it runs out of memory while it serves.',
    ],
    fails: [
      [
        '`kv_cache_too_large`',
        'Lower `--context-length`, take `kvCacheDtype` fp8_e5m2, or choose more GPU memory.',
      ],
      ['`out_of_gpu_memory` after it was ready', 'Lower `--mem-fraction-static` or `chunkedPrefillSize`.'],
      ['`unsupported_architecture`', 'The model is newer than the version: name a newer image in `url`.'],
    ],
    first: ['berth deploy Qwen/Qwen2.5-7B-Instruct --engine sGLang --instance nvidia-l4/x1'],
    good: ['Its health route generates a token, so it takes a second to answer.'],
  },
  tgi: {
    title: 'Text Generation Inference',
    variant: 'tgi',
    what: '**In maintenance**: its makers take fixes only and point to vLLM, SGLang and llama.cpp. It is here for endpoints that were made for it; Berth never chooses it by itself.',
    when: 'For an endpoint that was made for it and depends on its routes or settings. For anything new take [vLLM](vllm.md).',
    setFirst: [
      '`maxInputLength` and `maxTotalTokens`: the longest prompt, and the longest prompt with its answer.',
      '`quantize`, where the weights do not fit.',
    ],
    fails: [
      [
        '`kv_cache_too_large`, `Not enough memory to handle … tokens`',
        'Lower `maxBatchPrefillTokens` and `maxTotalTokens`.',
      ],
      [
        '429 `Model is overloaded`',
        'More requests than it takes at a time: more replicas, or `--max-concurrent-requests`.',
      ],
      ['`unsupported_architecture`', 'Models of the last years are not in it: take vLLM.'],
    ],
    first: ['berth deploy my-org/my-model --engine tgi --instance nvidia-l4/x1 --set maxTotalTokens=4096'],
    good: ['`maxInputLength` must be below `maxTotalTokens`, which is prompt and answer together.'],
  },
  tei: {
    title: 'Text Embeddings Inference',
    variant: 'tei',
    what: 'Embeddings, reranking and text classification, on processors or one GPU.',
    when: 'For search: vectors of texts, and a better order of what was found. For texts that are written take [llama.cpp](llamacpp.md) or [vLLM](vllm.md).',
    runsAs:
      'a container; without containers the program that `npm run toolkit:install` installs, for repositories with an ONNX export',
    setFirst: [
      '`pooling`, where the model’s card says another than the repository does: wrong pooling gives wrong vectors and no error.',
      '`maxBatchTokens`: more tokens at once are faster on a GPU, and take more memory.',
    ],
    fails: [
      ['413', 'More texts in one request than `--max-client-batch-size`, which is 32: send fewer at a time.'],
      ['422', 'A text is longer than the model reads and `truncate` is false.'],
      ['429', 'More requests than `maxConcurrentRequests`: try again, or take more replicas.'],
      [
        '`The engine "tei" needs its program …`',
        'Neither containers nor the program are there: `npm run toolkit:install`.',
      ],
    ],
    first: [
      'berth deploy sentence-transformers/all-MiniLM-L6-v2 --engine tei',
      'curl "$URL/v1/embeddings" -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -d \'{"input": ["one", "two"]}\'',
    ],
    good: ['It uses one GPU: more replicas share the load.', 'Over `maxConcurrentRequests` it answers 429.'],
  },
  toolkit: {
    title: 'Hugging Face inference toolkit',
    variant: 'huggingface',
    what: 'Any pipeline of transformers, sentence-transformers and diffusers, or the `handler.py` of a repository, behind `POST /` with `{"inputs": …}`, in a container. `huggingface: {}` leaves the choice of the engine to Berth, which takes the toolkit where no other engine serves the model better.',
    when: 'Where a repository brings its own `handler.py`, and for tasks that no other engine serves: speech, images, tables. For texts and vectors the others are faster.',
    runsAs:
      'a container; without containers the program that `npm run toolkit:install` installs, for repositories with an ONNX export and no `handler.py`',
    setFirst: [
      '`HF_TASK` in `model.env`, where the repository does not say its task.',
      '`model.secrets`, for what a handler needs.',
    ],
    fails: [
      ['`handler_import_error`', 'A module is missing: add it to `requirements.txt` of the repository.'],
      [
        '400 `{"error": …}`',
        'The handler or pipeline threw: its message is the answer, its trace is in `berth logs`.',
      ],
      ['requests wait while one runs', 'It serves one at a time: more replicas.'],
    ],
    first: ['berth plan my-org/my-model-with-handler', 'berth deploy my-org/my-model-with-handler'],
    good: [
      'A `handler.py` is code of the repository: read it before you run it. It has a class `EndpointHandler` with `__init__(self, path)` and `__call__(self, data)`.',
      'What `requirements.txt` names is installed at every start.',
      'It serves one request at a time: more replicas are the way to more throughput.',
    ],
  },
  custom: {
    title: 'A container of your own',
    variant: 'custom',
    what: 'Any image that listens on its port and answers its health route. The repository lies at `/repository`, read-only.',
    when: 'Where your model server is none of the others. If it is one of them in an image of your own, name that engine and its `url`: Berth then knows how to ask it how busy it is.',
    setFirst: [
      '`port`: where the program listens, on 0.0.0.0. The default is 80.',
      '`healthRoute`: a route that answers 200 only when the model is loaded. The default is `/health`.',
    ],
    fails: [
      [
        '`wrong_port`',
        'It listens on 127.0.0.1 or on another port: let it listen on 0.0.0.0, and name the port.',
      ],
      ['`health_route_missing`', 'The route answers 404: name another in `healthRoute`.'],
      ['`image_not_available`', 'No such image, or no right to it: check `url`, send `credentials`.'],
      [
        '`model.args is given without model.command`',
        'An image is started as it is, or with a whole command: put its entrypoint into `model.command`.',
      ],
    ],
    first: [
      'berth deploy my-org/my-model --engine custom --set url=registry.example.org/engine:1.0 --set port=8000 --set healthRoute=/ready',
    ],
    good: [
      'For a private registry, send `credentials` once: the password is kept with the secrets of the endpoint, used for the pull, and never shown.',
      'An image is started as it is, or with a whole `model.command`; `model.args` go after the command.',
      'It is given no key: what keeps others away from it is the network of its endpoint.',
    ],
  },
  echo: {
    title: 'Echo, for rehearsals',
    variant: 'echo',
    what: 'Answers with the prompt and misbehaves as told: for tests of clients, of scaling and of failures. It needs no model.',
    when: 'To try Berth, a client or a rule of scaling before there is a model. Never for callers.',
    runsAs: 'a program, or a container with the Docker runtime, from an image that `images/build.sh` makes',
    setFirst: [
      '`firstTokenMs` and `tokenMs`: how slow it is.',
      '`parallel`: how many requests at once, so that the others wait.',
    ],
    fails: [['it fails', 'As its settings say: that is what it is for.']],
    first: [
      'berth deploy berth/guide --name rehearsal --engine echo --set firstTokenMs=300 --set tokenMs=40',
    ],
    good: ['`crashOnStart`, `freezeAfterRequests` and their like show how Berth handles what engines do.'],
  },
}
