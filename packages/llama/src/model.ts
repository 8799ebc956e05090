/**
 * A loaded model: its words for itself, its tokens, and the bytes that a token stands for.
 *
 * What is computed with it belongs to `generator.ts` and `embedder.ts`.
 */
import { type GgufMetadata, readGgufMetadata } from './gguf.ts'
import type { Native, NativeModel } from './native.ts'

export type ModelFacts = {
  readonly path: string
  readonly architecture: string
  readonly trainedContextTokens: number
  readonly vocabularySize: number
  /** The template in the file; undefined when it has none. */
  readonly chatTemplate: string | undefined
  /** It reads in both directions, so it can only embed. */
  readonly isEncoder: boolean
}

/** llama.cpp's numbers for kinds of vocabulary. */
const SENTENCE_PIECE = 1
const BYTE_PAIR = 2
/** Always between [CLS] and [SEP], whatever the file says. */
const WORD_PIECE = 3

type Spelling = 'marked' | 'byte-pair' | 'other'

/** llama.cpp's marks on tokens. */
const CONTROL = 1 << 3
const USER_DEFINED = 1 << 4
const BYTE = 1 << 5

export class Model {
  readonly native: Native
  readonly handle: NativeModel
  readonly facts: ModelFacts
  readonly #pieces: (Uint8Array | undefined)[] = []
  #endTokens: Uint32Array | undefined
  #knownSpelling: Spelling | undefined

  private constructor(native: Native, handle: NativeModel, facts: ModelFacts) {
    this.native = native
    this.handle = handle
    this.facts = facts
  }

  static async load(native: Native, path: string, gpuLayers: number): Promise<Model> {
    // A bad file is better explained here than by llama.cpp, so its head is read first: it takes milliseconds.
    const metadata = readGgufMetadata(path)
    const useMmap = gpuLayers > 0 || isKeptAsStored(metadata)
    const handle = new native.AddonModel(path, { addonExports: native, useMmap, gpuLayers })
    if (!(await handle.init())) throw new Error(`llama.cpp cannot load the model ${path}`)
    return new Model(native, handle, factsFrom(path, metadata, handle))
  }

  /** Text of a template or of a program: special tokens in it count as such. */
  tokenizeSpecial(text: string): Uint32Array {
    return this.handle.tokenize(text, true)
  }

  /** Text of a user: whatever it spells, it is text. */
  tokenizePlain(text: string): Uint32Array {
    return this.handle.tokenize(text, false)
  }

  /** With the tokens that the model wants before and after every input. */
  framed(tokens: Uint32Array): Uint32Array {
    const { handle } = this
    const isWordPiece = handle.getVocabularyType() === WORD_PIECE
    const before = isWordPiece || handle.shouldPrependBosToken() ? handle.tokenBos() : -1
    const after = isWordPiece ? handle.sepToken() : handle.shouldAppendEosToken() ? handle.tokenEos() : -1
    return Uint32Array.from([before, ...tokens, after].filter((token) => token >= 0))
  }

  textOf(token: number): string {
    return token < 0 ? '' : (this.handle.getTokenString(token) ?? '')
  }

  detokenize(tokens: Uint32Array): string {
    return this.handle.detokenize(tokens, true)
  }

  /** Every token that ends an answer. */
  get endTokens(): Uint32Array {
    this.#endTokens ??= Uint32Array.from(
      Array.from({ length: this.facts.vocabularySize }, (_, token) => token).filter((token) =>
        this.handle.isEogToken(token),
      ),
    )
    return this.#endTokens
  }

  /**
   * The bytes that a generated token adds to the text; none for a control token.
   *
   * Bytes, because one character can be spread over several tokens.
   */
  bytesOf(token: number): Uint8Array {
    let piece = this.#pieces[token]
    if (!piece) {
      piece = this.#spell(token)
      this.#pieces[token] = piece
    }
    return piece
  }

  #spell(token: number): Uint8Array {
    const attributes = this.handle.getTokenAttributes(token)
    if (attributes & CONTROL) return new Uint8Array()
    const text = this.textOf(token)
    if (attributes & USER_DEFINED) return Buffer.from(text)
    switch (this.#spelling) {
      case 'marked':
        return attributes & BYTE
          ? Uint8Array.of(Number(text.slice(1, -1)))
          : Buffer.from(text.replaceAll('▁', ' '))
      case 'byte-pair':
        return bytesOfBytePair(text)
      case 'other':
        return Buffer.from(this.handle.detokenize(Uint32Array.of(token), false))
      default:
        return this.#spelling satisfies never
    }
  }

  /**
   * How the vocabulary writes text: with ▁ for a space and `<0x0A>` for a byte, or with a character for every byte.
   *
   * Some that llama.cpp counts as byte-pair write the first way, so it is looked up how a space is written.
   */
  get #spelling(): Spelling {
    this.#knownSpelling ??= this.#findSpelling()
    return this.#knownSpelling
  }

  #findSpelling(): Spelling {
    const type = this.handle.getVocabularyType()
    if (type === SENTENCE_PIECE) return 'marked'
    if (type !== BYTE_PAIR) return 'other'
    return [...this.tokenizePlain(' a')].some((token) => this.textOf(token).includes('▁'))
      ? 'marked'
      : 'byte-pair'
  }
}

/** llama.cpp's number for files that are mostly F32. */
const MOSTLY_F32 = 0

/**
 * Whether processors compute with the weights as they lie in the file. All others are first copied into an order that
 * the processor likes better: mapped as well, they would be in memory twice.
 */
function isKeptAsStored(metadata: GgufMetadata): boolean {
  return metadata.get('general.file_type') === MOSTLY_F32
}

function factsFrom(path: string, metadata: GgufMetadata, handle: NativeModel): ModelFacts {
  const architecture = String(metadata.get('general.architecture') ?? 'unknown')
  const template = metadata.get('tokenizer.chat_template')
  const tokens = metadata.get('tokenizer.ggml.tokens')
  return {
    path,
    architecture,
    trainedContextTokens: handle.getTrainContextSize(),
    vocabularySize: typeof tokens === 'object' ? tokens.arrayLength : 0,
    chatTemplate: typeof template === 'string' ? template : undefined,
    isEncoder: metadata.get(`${architecture}.attention.causal`) === false,
  }
}

/**
 * Byte-pair vocabularies write every byte as a printable character: the printable ones of Latin-1 as
 * themselves, the other 68 from U+0100 on, in order.
 */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = (() => {
  const isPrintable = (byte: number) =>
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae
  const bytes = new Map<string, number>()
  let next = 0x100
  for (let byte = 0; byte < 256; byte++) {
    bytes.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte)
  }
  return bytes
})()

function bytesOfBytePair(text: string): Uint8Array {
  const bytes: number[] = []
  for (const character of text) {
    const byte = BYTE_OF_CHARACTER.get(character)
    if (byte === undefined) bytes.push(...Buffer.from(character))
    else bytes.push(byte)
  }
  return Uint8Array.from(bytes)
}
