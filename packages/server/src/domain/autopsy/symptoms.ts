/**
 * What engines say when they cannot start, and what is behind it: their own words, as they document and print them.
 *
 * The order counts: a line that tells the reason stands before one that tells what came of it. A memory error while
 * the KV cache is made is the cache's, not the weights'.
 */
import type { FailureCause } from '@berth/contract'

export type Symptom = {
  readonly cause: FailureCause
  readonly pattern: RegExp
  /** What happened, in plain words; groups of the pattern are filled in. */
  readonly summary: (found: RegExpExecArray) => string
  readonly remedy: (found: RegExpExecArray) => string
}

const say = (text: string) => () => text

const SMALLER_CACHE =
  'Ask for less context or fewer requests at a time, use a smaller data type for the KV cache, or choose an instance with more memory; `berth plan` says how much is enough.'
const MORE_MEMORY =
  'Choose a larger instance, a smaller quantisation, or less context and fewer requests at a time; `berth plan` says how much is enough.'
const TOKEN =
  'Put a token that may read it into the secret HF_TOKEN of the endpoint, or let Berth fetch the files (model.repository) instead of the engine.'

export const SYMPTOMS: readonly Symptom[] = [
  {
    cause: 'kv_cache_too_large',
    pattern:
      /max(?:imum)? (?:model|seq(?:uence)?) len(?:gth)? \((\d+)\)[^\n]*(?:KV cache|maximum number of tokens)/i,
    summary: ([, tokens]) =>
      `The KV cache has no room for one request of ${tokens} tokens beside the weights.`,
    remedy: say(
      'Lower the longest request (vLLM: --max-model-len, SGLang: --context-length), use a KV cache in fp8, or choose more GPU memory.',
    ),
  },
  {
    cause: 'kv_cache_too_large',
    pattern:
      /No available memory for the cache blocks|failed to allocate (?:compute )?buffer for (?:the )?kv cache|llama_kv_cache[^\n]*failed|Not enough memory to handle \d+ (?:prefill|total) tokens|Not enough memory\. Please try to increase --mem-fraction-static|failed to initialize the context: failed to allocate/i,
    summary: say('The weights were loaded, and no room was left for the KV cache.'),
    remedy: say(SMALLER_CACHE),
  },
  {
    cause: 'kv_cache_too_large',
    pattern:
      /Available memory on node \d+ \(([\d.]+)\/[\d.]+ GiB\)[^\n]* is less than (?:desired CPU memory|requested memory for kv)/i,
    summary: ([, free]) =>
      `On processors vLLM takes its KV cache from the memory of the whole machine, which has ${free} GiB free.`,
    remedy: say(
      'Say how many GiB the cache may have with VLLM_CPU_KVCACHE_SPACE in model.env, or choose a machine with more memory.',
    ),
  },
  {
    cause: 'driver_mismatch',
    pattern:
      /CUDA driver version is insufficient|NVIDIA driver on your system is too old|no kernel image is available for execution|nvidia-container-cli: [^\n]*(?:requirement error|unsatisfied condition)|could not select device driver|libcuda\.so\.1: cannot open|Found no NVIDIA driver|finds no GPU that it can use|CUDA error: system has unsupported display driver/i,
    summary: say('The GPU driver of the machine and what the engine was built for do not go together.'),
    remedy: say(
      'Update the NVIDIA driver and its container toolkit, or name an image that was built for the driver and the GPU that are there (model.image.….url).',
    ),
  },
  {
    cause: 'no_shared_memory',
    pattern:
      /unable to (?:open|write to) (?:file <)?\/?(?:dev\/shm|torch_)|insufficient shared memory|\/dev\/shm\/nccl|shared memory segment[^\n]*(?:failed|No space)|Bus error|unable to open shared memory object/i,
    summary: say('The engine’s processes talk through shared memory, and there was not enough of it.'),
    remedy: say(
      'Choose an instance with more memory: Berth gives a container half of it as shared memory. With an image of your own, start fewer workers.',
    ),
  },
  {
    cause: 'out_of_gpu_memory',
    pattern:
      /CUDA out of memory|OutOfMemoryError: CUDA|cudaMalloc failed: out of memory|HIP out of memory|CUBLAS_STATUS_ALLOC_FAILED|CUDA error: out of memory|ErrorOutOfDeviceMemory|Free memory on device [^\n]* is less than desired GPU memory utilization/i,
    summary: say('The GPU’s memory was not enough.'),
    remedy: say(MORE_MEMORY),
  },
  {
    cause: 'disk_full',
    pattern: /No space left on device|ENOSPC|Disk quota exceeded/i,
    summary: say('The disk is full.'),
    remedy: say(
      'Free some space on the disk of the data directory, or lower BERTH_CACHE_GB so that unused models are deleted sooner.',
    ),
  },
  {
    cause: 'repository_gated',
    pattern:
      /GatedRepoError|gated repo|Access to model [^\n]* is restricted|awaiting a review from the repo/i,
    summary: say('The engine itself asked the Hub for a repository that is gated.'),
    remedy: say(`Accept its terms on the Hub. ${TOKEN}`),
  },
  {
    cause: 'repository_missing',
    pattern:
      /RepositoryNotFoundError|is not a local folder and is not a valid model identifier|EntryNotFoundError|OfflineModeIsEnabled|LocalEntryNotFoundError|outgoing traffic has been disabled/i,
    summary: say('The engine looked for a repository or a file that is not there.'),
    remedy: say(
      `Check the names in model.args and model.env; what is in the model’s own repository lies at /repository. ${TOKEN}`,
    ),
  },
  {
    cause: 'handler_import_error',
    pattern:
      /(?:handler\.py|EndpointHandler|check_and_register_custom_pipeline)[\s\S]{0,3000}?(?:ModuleNotFoundError: No module named '([^']+)'|ImportError: ([^\n]+))/,
    summary: ([, module, text]) =>
      module
        ? `handler.py imports "${module}", which is not installed.`
        : `handler.py cannot be imported: ${text}.`,
    remedy: ([, module]) =>
      module
        ? `Add "${module.split('.')[0]}" to the repository’s requirements.txt.`
        : 'Mend the import, or pin a version in requirements.txt that has it.',
  },
  {
    cause: 'handler_import_error',
    pattern:
      /(?:handler\.py|EndpointHandler)[\s\S]{0,3000}?((?:SyntaxError|AttributeError|NameError|TypeError)[^\n]*)/,
    summary: ([, text]) => `handler.py of the repository fails while it is loaded: ${text}.`,
    remedy: say('It needs a class EndpointHandler with __init__(self, path) and __call__(self, data).'),
  },
  {
    cause: 'unsupported_architecture',
    pattern:
      /Model architectures \[([^\]]*)\][^\n]*(?:not supported|failed to be inspected)|unknown model architecture: '([^']+)'|model type `([^`]+)` but Transformers does not recognize|Unsupported model type ([\w-]+)|Unsupported model IR|unknown variant `([^`]+)`[^\n]*|does not support (?:the )?architecture ([\w-]+)/,
    summary: (found) =>
      `This version of the engine does not know the model’s architecture (${found.slice(1).find(Boolean) ?? 'unnamed'}).`,
    remedy: say(
      'Use a newer image of the engine (model.image.….url), another engine, or a model whose architecture it knows.',
    ),
  },
  {
    cause: 'bad_argument',
    pattern:
      /User-specified max_model_len \((\d+)\) is greater than the derived max_model_len \([^\n=]*=(\d+)/,
    summary: ([, asked, longest]) =>
      `The model was trained for ${longest} tokens at most, and --max-model-len asks for ${asked}.`,
    remedy: say('Lower --max-model-len in model.args, or leave it out to have the model’s own.'),
  },
  {
    cause: 'bad_argument',
    pattern:
      /(?:error: )?(?:unrecognized arguments?|unknown argument|invalid argument|unexpected argument|ambiguous option): ?'?(--?[\w-]+)?[^\n]*|error: argument (--?[\w-]+)[^\n]*|error: invalid value [^\n]* for '(--[\w-]+)[^\n]*|unexpected argument '(--?[\w-]+)/,
    summary: (found) =>
      `The engine does not accept the argument ${found.slice(1).find(Boolean) ?? `in "${found[0].trim()}"`}.`,
    remedy: say(
      'Correct model.args: the engine’s own list of arguments is authoritative, for the version of its image that runs.',
    ),
  },
  {
    cause: 'wrong_port',
    pattern: /address already in use|EADDRINUSE/i,
    summary: say('The engine wanted a port that is taken.'),
    remedy: say('Leave the port to Berth: take it out of model.args and model.env.'),
  },
  {
    cause: 'out_of_memory',
    pattern:
      /std::bad_alloc|(?:^|\n)MemoryError|DefaultCPUAllocator: can't allocate memory|Cannot allocate memory|unable to allocate (?:CPU|CPU_REPACK|AMX)?\s*buffer|JavaScript heap out of memory/i,
    summary: say('The engine asked for more memory than there was.'),
    remedy: say(MORE_MEMORY),
  },
  {
    cause: 'model_damaged',
    pattern:
      /invalid magic characters|tensor '[^']+' data is not within the file bounds|SafetensorError|HeaderTooLarge|it is not a GGUF file|MetadataIncompleteBuffer|failed to read key-value pairs/i,
    summary: say('A file of the model is damaged or incomplete.'),
    remedy: say('Upload it again, or name another revision; Berth verified what it downloaded.'),
  },
]
