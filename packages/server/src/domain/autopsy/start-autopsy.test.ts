import { failureCauses } from '@berth/contract'
import { describe, expect, test } from 'vitest'
import { type Evidence, examineRefusal, examineStart } from './start-autopsy.ts'

const exited: Evidence = {
  exitCode: 1,
  endedBecause: 'exited with code 1',
  wasReady: false,
  lines: [],
  probes: undefined,
  healthRoute: '/health',
}
const stillRunning: Evidence = { ...exited, exitCode: null, endedBecause: undefined }
const history = { refused: 0, silent: 0, answered: 0, lastStatus: undefined }

/** The last words of engines, as their makers print them, and what is behind them. */
const LAST_WORDS: readonly [engine: string, lines: string, cause: string, summary: RegExp][] = [
  [
    'vLLM',
    'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB. GPU 0 has a total capacity of 15.77 GiB of which 90.12 MiB is free.',
    'out_of_gpu_memory',
    /GPU’s memory/,
  ],
  [
    'vLLM',
    'ValueError: Free memory on device (3.2/23.6 GiB) on startup is less than desired GPU memory utilization (0.92, 21.7 GiB).',
    'out_of_gpu_memory',
    /GPU’s memory/,
  ],
  [
    'llama.cpp',
    'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4403.49 MiB on device 0: cudaMalloc failed: out of memory\nalloc_tensor_range: failed to allocate CUDA0 buffer of size 4617398272\nllama_model_load: error loading model: unable to allocate CUDA0 buffer',
    'out_of_gpu_memory',
    /GPU’s memory/,
  ],
  [
    'vLLM before 0.9',
    "ValueError: The model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (20016). Try increasing `gpu_memory_utilization` or decreasing `max_model_len` when initializing the engine.",
    'kv_cache_too_large',
    /one request of 131072 tokens/,
  ],
  [
    'vLLM',
    "ValueError: To serve at least one request with the models's max seq len (32768), (4.00 GiB KV cache is needed, which is larger than the available KV cache memory (1.35 GiB).",
    'kv_cache_too_large',
    /one request of 32768 tokens/,
  ],
  [
    'vLLM',
    'ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing the engine.',
    'kv_cache_too_large',
    /no room was left/,
  ],
  [
    'vLLM 0.32 on processors',
    'ValueError: Available memory on node 0 (9.59/11.84 GiB) on startup is less than desired CPU memory utilization (0.92, 10.89 GiB). On the CPU backend, the `--gpu-memory-utilization` flag controls the fraction of CPU memory reserved (despite its name).',
    'kv_cache_too_large',
    /which has 9\.59 GiB free/,
  ],
  [
    'vLLM 0.32 on processors',
    'ValueError: Available memory on node 0 (1.20/11.84 GiB) on kv cache allocation is less than requested memory for kv (4.0 GiB). Decrease --kv-cache-memory-bytes, VLLM_CPU_KVCACHE_SPACE, or reduce CPU memory used by other processes.',
    'kv_cache_too_large',
    /which has 1\.20 GiB free/,
  ],
  [
    'llama.cpp',
    'llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache',
    'kv_cache_too_large',
    /no room was left/,
  ],
  [
    'SGLang',
    'RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.',
    'kv_cache_too_large',
    /no room/,
  ],
  ['TGI', 'Not enough memory to handle 4096 prefill tokens.', 'kv_cache_too_large', /no room/],
  [
    'vLLM',
    "ValueError: Model architectures ['AcmeForCausalLM'] are not supported for now. Supported architectures: dict_keys(['LlamaForCausalLM'])",
    'unsupported_architecture',
    /'AcmeForCausalLM'/,
  ],
  [
    'transformers',
    'ValueError: The checkpoint you are trying to load has model type `acme4` but Transformers does not recognize this architecture.',
    'unsupported_architecture',
    /\(acme4\)/,
  ],
  [
    'llama.cpp',
    "llama_model_load: error loading model: error loading model architecture: unknown model architecture: 'acme4'",
    'unsupported_architecture',
    /\(acme4\)/,
  ],
  [
    'TEI',
    'Error: `config.json` does not contain a valid model: unknown variant `acme4`, expected one of `bert`, `xlm-roberta`',
    'unsupported_architecture',
    /\(acme4\)/,
  ],
  [
    'PyTorch',
    'RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver.',
    'driver_mismatch',
    /driver/,
  ],
  [
    'CUDA',
    'RuntimeError: CUDA error: no kernel image is available for execution on the device',
    'driver_mismatch',
    /driver/,
  ],
  [
    'the embedded engine',
    'GPU layers are asked for, and llama.cpp finds no GPU that it can use; check the driver',
    'driver_mismatch',
    /driver/,
  ],
  ['any', 'OSError: [Errno 28] No space left on device', 'disk_full', /disk is full/],
  ['Node', 'Error: ENOSPC: no space left on device, write', 'disk_full', /disk is full/],
  [
    'vLLM 0.32',
    "  Value error, User-specified max_model_len (999999) is greater than the derived max_model_len (max_position_embeddings=2048.0 or model_max_length=None in model's config.json). To allow overriding this maximum, set the env var VLLM_ALLOW_LONG_MAX_MODEL_LEN=1.",
    'bad_argument',
    /trained for 2048 tokens at most, and --max-model-len asks for 999999/,
  ],
  [
    'vLLM',
    'usage: vllm serve [options]\nvllm serve: error: unrecognized arguments: --max-modle-len 4096',
    'bad_argument',
    /--max-modle-len/,
  ],
  [
    'argparse',
    "api_server.py: error: argument --max-num-seqs: invalid int value: 'many'",
    'bad_argument',
    /--max-num-seqs/,
  ],
  ['TEI', "error: unexpected argument '--poolin' found", 'bad_argument', /--poolin/],
  ['TGI', "error: invalid value 'half' for '--dtype <DTYPE>'", 'bad_argument', /--dtype/],
  ['llama-server', 'error: invalid argument: --ctx-sise', 'bad_argument', /--ctx-sise/],
  [
    'PyTorch',
    'RuntimeError: unable to open shared memory object </torch_123_456> in read-write mode',
    'no_shared_memory',
    /shared memory/,
  ],
  [
    'PyTorch',
    'ERROR: Unexpected bus error encountered in worker. This might be caused by insufficient shared memory (shm).',
    'no_shared_memory',
    /shared memory/,
  ],
  [
    'NCCL',
    'misc/shmutils.cc:87 NCCL WARN Error while creating shared memory segment /dev/shm/nccl-x9kW2c (size 5767520)',
    'no_shared_memory',
    /shared memory/,
  ],
  [
    'toolkit',
    'Traceback (most recent call last):\n  File "/app/huggingface_inference_toolkit/handler.py", line 89, in get_inference_handler_either_custom_or_default_handler\n    custom_pipeline = check_and_register_custom_pipeline_from_directory(model_dir)\n  File "/repository/handler.py", line 3, in <module>\n    import timm.models\nModuleNotFoundError: No module named \'timm.models\'',
    'handler_import_error',
    /"timm\.models"/,
  ],
  [
    'toolkit',
    '  File "/repository/handler.py", line 5\n    def __call__(self data):\nSyntaxError: invalid syntax',
    'handler_import_error',
    /SyntaxError: invalid syntax/,
  ],
  [
    'huggingface_hub',
    'huggingface_hub.errors.GatedRepoError: 401 Client Error. Cannot access gated repo for url https://hub/acme/chat',
    'repository_gated',
    /gated/,
  ],
  [
    'transformers',
    "OSError: acme/missing is not a local folder and is not a valid model identifier listed on 'https://hub/models'",
    'repository_missing',
    /not there/,
  ],
  [
    'huggingface_hub',
    'huggingface_hub.errors.LocalEntryNotFoundError: Cannot find the requested files in the disk cache and outgoing traffic has been disabled.',
    'repository_missing',
    /not there/,
  ],
  ['C++', "terminate called after throwing an instance of 'std::bad_alloc'", 'out_of_memory', /more memory/],
  [
    'PyTorch',
    "RuntimeError: [enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: you tried to allocate 32212254720 bytes",
    'out_of_memory',
    /more memory/,
  ],
  [
    'any',
    'OSError: [Errno 98] error while attempting to bind: address already in use',
    'wrong_port',
    /port that is taken/,
  ],
  [
    'llama.cpp',
    "gguf_init_from_file_impl: invalid magic characters: '<htm', expected 'GGUF'",
    'model_damaged',
    /damaged/,
  ],
  [
    'safetensors',
    'safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge',
    'model_damaged',
    /damaged/,
  ],
]

describe('last words', () => {
  test.for(LAST_WORDS)('of %s: %s', ([, lines, cause, summary]) => {
    const before = ['INFO Starting.', 'INFO Loading the model.']
    const found = examineStart({ ...exited, lines: [...before, ...lines.split('\n')] })
    expect(found).toMatchObject({ cause, summary: expect.stringMatching(summary) })
    expect(found.remedy).toMatch(/\w+.*\.$/)
    expect(lines).toContain(found.evidence.at(-1))
  })

  test('that nobody recognises are shown as they are', () => {
    const lines = ['one', '', 'two', 'three', 'Segmentation fault']
    expect(examineStart({ ...exited, lines })).toMatchObject({
      cause: 'unknown',
      evidence: ['two', 'three', 'Segmentation fault'],
    })
  })

  test('name the reason rather than what came of it', () => {
    const lines = [
      "ValueError: The model's max seq len (8192) is larger than the maximum number of tokens that can be stored in KV cache (4096).",
      'RuntimeError: Engine core initialization failed. CUDA out of memory.',
    ]
    expect(examineStart({ ...exited, lines }).cause).toBe('kv_cache_too_large')
  })
})

describe('without a word', () => {
  test('a replica over its limit was out of memory', () => {
    const endedBecause = 'used more than its 2 GiB of memory'
    expect(examineStart({ ...exited, exitCode: null, endedBecause })).toMatchObject({
      cause: 'out_of_memory',
      summary: 'The engine used more than its 2 GiB of memory.',
      remedy: expect.stringContaining('berth plan'),
    })
  })

  test.for([
    [{ exitCode: 135, endedBecause: 'exited with code 135' }, 'no_shared_memory'],
    [{ exitCode: null, endedBecause: 'killed by SIGBUS' }, 'no_shared_memory'],
    [{ exitCode: null, endedBecause: 'killed by SIGILL' }, 'driver_mismatch'],
    [
      {
        exitCode: 127,
        endedBecause: 'exited with code 127 (exec: "vlm": executable file not found in $PATH)',
      },
      'bad_argument',
    ],
    [{ exitCode: null, endedBecause: 'killed by SIGKILL' }, 'unknown'],
  ] as const)('%j is %s', ([end, cause]) => {
    expect(examineStart({ ...exited, ...end }).cause).toBe(cause)
  })
})

describe('an engine that runs and never gets ready', () => {
  test('listens on another port, if nothing ever answered', () => {
    const lines = ['INFO: Uvicorn running on http://127.0.0.1:8000', 'INFO: done']
    expect(examineStart({ ...stillRunning, lines, probes: { ...history, refused: 40 } })).toMatchObject({
      cause: 'wrong_port',
      remedy: expect.stringContaining('0.0.0.0'),
      evidence: ['INFO: Uvicorn running on http://127.0.0.1:8000'],
    })
    // The port of a container is taken by the runtime's proxy before anything listens behind it.
    expect(examineStart({ ...stillRunning, probes: { ...history, silent: 9 } }).cause).toBe('wrong_port')
  })

  test('has no such health route, if it answers 404', () => {
    const probes = { ...history, refused: 3, answered: 40, lastStatus: 404 }
    expect(examineStart({ ...stillRunning, probes, healthRoute: '/ready' })).toMatchObject({
      cause: 'health_route_missing',
      summary: 'The engine listens, and answers 404 to GET /ready.',
      evidence: ['GET /ready → 404'],
    })
  })

  test('is only slow, if it says that it is loading', () => {
    const probes = { ...history, answered: 40, lastStatus: 503 }
    expect(examineStart({ ...stillRunning, probes }).cause).toBe('unknown')
  })

  test('an engine that was ready before has another trouble', () => {
    const probes = { ...history, silent: 3 }
    expect(examineStart({ ...stillRunning, wasReady: true, probes }).cause).toBe('unknown')
  })
})

describe('a start that was refused', () => {
  test.for<[reason: string | undefined, message: string, cause: string, remedy: string]>([
    [
      'hub_gated',
      'The repository "a/b" is gated: accept its terms. Ask there.',
      'repository_gated',
      'Ask there.',
    ],
    [
      'repository_not_found',
      'There is no repository "a/b". Check the name.',
      'repository_missing',
      'Check the name.',
    ],
    ['disk_full', 'It needs 5 GB more. Free some space.', 'disk_full', 'Free some space.'],
    [
      'image_refused',
      'The image "a" cannot be pulled: denied. Check its name.',
      'image_not_available',
      'Check its name.',
    ],
    [undefined, 'could not select device driver "" with capabilities: [[gpu]]', 'driver_mismatch', 'NVIDIA'],
    [undefined, 'There is no program "x" here.', 'unknown', ''],
  ])('for %s: %s', ([reason, message, cause, remedy]) => {
    const found = examineRefusal(reason, message)
    expect(found).toMatchObject({ cause, evidence: [message] })
    expect(found.remedy).toContain(remedy)
  })
})

test('every cause of the contract is found by something here', () => {
  const found = new Set<string>([
    ...LAST_WORDS.map(([, , cause]) => cause),
    ...['health_route_missing', 'image_not_available', 'unknown'],
  ])
  expect([...found].toSorted()).toEqual(failureCauses.toSorted())
})
