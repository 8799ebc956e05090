/** What a schema cannot say about an engine: what it is for, and the first commands. */
export type Guide = {
  readonly title: string
  readonly variant: string
  readonly what: string
  /** Commands for somebody who has never used it. */
  readonly first: readonly string[]
  readonly good: readonly string[]
}

export const GUIDES: Readonly<Record<string, Guide>> = {
  llamacpp: {
    title: 'llama.cpp',
    variant: 'llamacpp',
    what: 'Text generation and embeddings from GGUF files, on processors and GPUs. It runs as a program of the machine, so nothing else has to be installed: the embedded one comes with Berth, and a real `llama-server` on the PATH is preferred.',
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
    what: 'Text generation for many requests at a time from transformers weights, on GPUs, in a container.',
    first: [
      'berth plan Qwen/Qwen2.5-7B-Instruct --engine vLLM --context 16384',
      'berth deploy Qwen/Qwen2.5-7B-Instruct --engine vLLM --instance nvidia-l4/x1 --arg=--max-model-len --arg=16384',
    ],
    good: [
      'It takes nearly all memory of its GPUs, whatever the size of the model; what is left of it is KV cache.',
      'One request of the full length must fit: `--max-model-len` makes it shorter.',
    ],
  },
  sglang: {
    title: 'SGLang',
    variant: 'sGLang',
    what: 'Text generation from transformers weights on GPUs, with a tree of shared prompt beginnings, in a container.',
    first: ['berth deploy Qwen/Qwen2.5-7B-Instruct --engine sGLang --instance nvidia-l4/x1'],
    good: ['Its health route generates a token, so it takes a second to answer.'],
  },
  tgi: {
    title: 'Text Generation Inference',
    variant: 'tgi',
    what: '**In maintenance**: its makers take fixes only and point to vLLM, SGLang and llama.cpp. It is here for endpoints that were made for it; Berth never chooses it by itself.',
    first: ['berth deploy my-org/my-model --engine tgi --instance nvidia-l4/x1 --set maxTotalTokens=4096'],
    good: ['`maxInputLength` must be below `maxTotalTokens`, which is prompt and answer together.'],
  },
  tei: {
    title: 'Text Embeddings Inference',
    variant: 'tei',
    what: 'Embeddings, reranking and text classification, on processors or one GPU, in a container.',
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
    first: [
      'berth deploy berth/guide --name rehearsal --engine echo --set firstTokenMs=300 --set tokenMs=40',
    ],
    good: ['`crashOnStart`, `freezeAfterRequests` and their like show how Berth handles what engines do.'],
  },
}
