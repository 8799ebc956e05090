/**
 * Models that are worth a try, with what they are good for: curated by hand, each small enough for a machine that
 * somebody has. What an endpoint of one needs in detail is worked out by Berth, not kept here.
 */
export type CatalogTask =
  | 'text-generation'
  | 'image-text-to-text'
  | 'feature-extraction'
  | 'text-ranking'
  | 'text-classification'

export type CatalogModel = {
  readonly repository: string
  readonly title: string
  readonly author: string
  readonly task: CatalogTask
  readonly engine: 'llamacpp' | 'vLLM' | 'tei'
  /** A GGUF file by its quantisation, where the repository offers several. */
  readonly file?: string
  readonly parameters: string
  /** The least memory that a replica of it wants, of the machine or of its GPU. */
  readonly memoryGb: number
  readonly accelerator: 'cpu' | 'gpu'
  readonly licence: string
  readonly why: string
}

export const TASK_WORDS: Readonly<Record<CatalogTask, string>> = {
  'text-generation': 'Text generation',
  'image-text-to-text': 'Images and text',
  'feature-extraction': 'Embeddings',
  'text-ranking': 'Ranking',
  'text-classification': 'Classification',
}

export const CATALOG: readonly CatalogModel[] = [
  {
    repository: 'berth/guide',
    title: 'Guide',
    author: 'Berth',
    task: 'text-generation',
    engine: 'llamacpp',
    parameters: '2 M',
    memoryGb: 1,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'Comes with Berth and answers questions about it. Nothing is downloaded: the way to see everything work.',
  },
  {
    repository: 'Qwen/Qwen2.5-0.5B-Instruct-GGUF',
    title: 'Qwen2.5 0.5B Instruct',
    author: 'Qwen',
    task: 'text-generation',
    engine: 'llamacpp',
    file: 'Q4_K_M',
    parameters: '0.5 B',
    memoryGb: 2,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'The smallest model that follows instructions. Fast on any laptop; good for trying prompts and plumbing.',
  },
  {
    repository: 'Qwen/Qwen2.5-1.5B-Instruct-GGUF',
    title: 'Qwen2.5 1.5B Instruct',
    author: 'Qwen',
    task: 'text-generation',
    engine: 'llamacpp',
    file: 'Q4_K_M',
    parameters: '1.5 B',
    memoryGb: 4,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'Summaries and extraction on processors, in thirty languages.',
  },
  {
    repository: 'Qwen/Qwen2.5-7B-Instruct-GGUF',
    title: 'Qwen2.5 7B Instruct',
    author: 'Qwen',
    task: 'text-generation',
    engine: 'llamacpp',
    file: 'Q4_K_M',
    parameters: '7.6 B',
    memoryGb: 8,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'A capable assistant that still fits a machine without a GPU, if nobody is in a hurry.',
  },
  {
    repository: 'Qwen/Qwen2.5-Coder-7B-Instruct-GGUF',
    title: 'Qwen2.5 Coder 7B',
    author: 'Qwen',
    task: 'text-generation',
    engine: 'llamacpp',
    file: 'Q4_K_M',
    parameters: '7.6 B',
    memoryGb: 8,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'Writes and explains code, and completes it in the middle of a file.',
  },
  {
    repository: 'HuggingFaceTB/SmolLM2-1.7B-Instruct-GGUF',
    title: 'SmolLM2 1.7B Instruct',
    author: 'Hugging Face',
    task: 'text-generation',
    engine: 'llamacpp',
    parameters: '1.7 B',
    memoryGb: 4,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'Trained on documented data: for those who must be able to say where answers come from.',
  },
  {
    repository: 'Qwen/Qwen2.5-7B-Instruct',
    title: 'Qwen2.5 7B Instruct, full precision',
    author: 'Qwen',
    task: 'text-generation',
    engine: 'vLLM',
    parameters: '7.6 B',
    memoryGb: 24,
    accelerator: 'gpu',
    licence: 'Apache-2.0',
    why: 'Many requests at the same time on one GPU, with long prompts kept for the next request.',
  },
  {
    repository: 'mistralai/Mistral-7B-Instruct-v0.3',
    title: 'Mistral 7B Instruct v0.3',
    author: 'Mistral AI',
    task: 'text-generation',
    engine: 'vLLM',
    parameters: '7.2 B',
    memoryGb: 24,
    accelerator: 'gpu',
    licence: 'Apache-2.0',
    why: 'Calls functions, and has been run by everybody: answers to its problems are easy to find.',
  },
  {
    repository: 'Qwen/Qwen2.5-VL-7B-Instruct',
    title: 'Qwen2.5 VL 7B',
    author: 'Qwen',
    task: 'image-text-to-text',
    engine: 'vLLM',
    parameters: '8.3 B',
    memoryGb: 24,
    accelerator: 'gpu',
    licence: 'Apache-2.0',
    why: 'Reads pictures, tables and scanned pages, and says where in them it found something.',
  },
  {
    repository: 'nomic-ai/nomic-embed-text-v1.5-GGUF',
    title: 'Nomic Embed v1.5',
    author: 'Nomic',
    task: 'feature-extraction',
    engine: 'llamacpp',
    file: 'Q8_0',
    parameters: '137 M',
    memoryGb: 1,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'Embeddings for search on processors: long texts, and vectors that may be cut shorter.',
  },
  {
    repository: 'BAAI/bge-m3',
    title: 'BGE M3',
    author: 'BAAI',
    task: 'feature-extraction',
    engine: 'tei',
    parameters: '568 M',
    memoryGb: 4,
    accelerator: 'cpu',
    licence: 'MIT',
    why: 'Embeddings in a hundred languages, for texts of up to 8,192 tokens.',
  },
  {
    repository: 'BAAI/bge-reranker-v2-m3',
    title: 'BGE Reranker v2 M3',
    author: 'BAAI',
    task: 'text-ranking',
    engine: 'tei',
    parameters: '568 M',
    memoryGb: 4,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'Puts what a search found in the right order; the cheapest way to better answers from documents.',
  },
  {
    repository: 'distilbert/distilbert-base-uncased-finetuned-sst-2-english',
    title: 'DistilBERT SST-2',
    author: 'Hugging Face',
    task: 'text-classification',
    engine: 'tei',
    parameters: '67 M',
    memoryGb: 2,
    accelerator: 'cpu',
    licence: 'Apache-2.0',
    why: 'Whether an English sentence is kind or not, in a few milliseconds.',
  },
]

/** Every word must occur somewhere in what is said of a model. */
export function catalogMatches(query: string, task?: CatalogTask): readonly CatalogModel[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  return CATALOG.filter(
    (model) =>
      (task === undefined || model.task === task) &&
      words.every((word) =>
        [model.repository, model.title, model.author, TASK_WORDS[model.task], model.engine, model.why]
          .join(' ')
          .toLowerCase()
          .includes(word),
      ),
  )
}
