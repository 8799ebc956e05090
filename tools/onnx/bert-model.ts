/**
 * A repository with a BERT encoder: ONNX weights, configuration and a word-piece tokenizer, as transformers.js loads it.
 *
 * The weights come from whoever asks: random ones for tests of form, a trained model's for tests of meaning.
 * Architecture: Devlin et al., "BERT", 2018; names of the weights as in Hugging Face's BertModel.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { OnnxGraph } from './onnx-writer.ts'

export type BertShape = {
  readonly vocabulary: readonly string[]
  readonly size: number
  readonly layers: number
  readonly heads: number
  readonly innerSize: number
  readonly positions: number
}

export type BertHead =
  | { readonly kind: 'none' }
  | { readonly kind: 'classes'; readonly labels: readonly string[] }
  | { readonly kind: 'tokens'; readonly labels: readonly string[] }
  | { readonly kind: 'masked' }
  | { readonly kind: 'answer' }

/** The weights of that name and shape. Matrices are `[outputs, inputs]`, as PyTorch keeps them. */
export type Weights = (name: string, shape: readonly number[]) => Float32Array

const ARCHITECTURE: Readonly<Record<BertHead['kind'], string>> = {
  none: 'BertModel',
  classes: 'BertForSequenceClassification',
  tokens: 'BertForTokenClassification',
  masked: 'BertForMaskedLM',
  answer: 'BertForQuestionAnswering',
}

/** Writes config.json, tokenizer files and onnx/model.onnx below `directory`. */
export function writeBert(directory: string, shape: BertShape, head: BertHead, weights: Weights): void {
  mkdirSync(path.join(directory, 'onnx'), { recursive: true })
  const json = (file: string, content: object) =>
    writeFileSync(path.join(directory, file), JSON.stringify(content, null, 1))
  json('config.json', config(shape, head))
  json('tokenizer.json', tokenizer(shape))
  json('tokenizer_config.json', {
    tokenizer_class: 'BertTokenizer',
    model_max_length: shape.positions,
    ...SPECIAL,
  })
  graphOf(shape, head, weights).write(path.join(directory, 'onnx/model.onnx'))
}

const SPECIAL = {
  pad_token: '[PAD]',
  unk_token: '[UNK]',
  cls_token: '[CLS]',
  sep_token: '[SEP]',
  mask_token: '[MASK]',
}
/** Belongs to the front of every vocabulary of our own. */
export const SPECIAL_TOKENS = Object.values(SPECIAL)

function config(shape: BertShape, head: BertHead): object {
  const labels = 'labels' in head ? head.labels : []
  return {
    architectures: [ARCHITECTURE[head.kind]],
    model_type: 'bert',
    vocab_size: shape.vocabulary.length,
    hidden_size: shape.size,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.heads,
    intermediate_size: shape.innerSize,
    max_position_embeddings: shape.positions,
    type_vocab_size: 2,
    pad_token_id: shape.vocabulary.indexOf('[PAD]'),
    ...('labels' in head
      ? {
          id2label: Object.fromEntries(labels.entries()),
          label2id: Object.fromEntries(labels.map((label, id) => [label, id])),
        }
      : {}),
  }
}

function tokenizer({ vocabulary }: BertShape): object {
  const id = (token: string) => vocabulary.indexOf(token)
  const special = (token: string, type_id: number) => ({ SpecialToken: { id: token, type_id } })
  const sequence = (name: string, type_id: number) => ({ Sequence: { id: name, type_id } })
  const single = [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)]
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: SPECIAL_TOKENS.map((content) => ({
      id: id(content),
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), special('[SEP]', 1)],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((token) => [token, { id: token, ids: [id(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((token, index) => [token, index])),
    },
  }
}

function graphOf(shape: BertShape, head: BertHead, weights: Weights): OnnxGraph {
  const graph = new OnnxGraph()
  const tokens = ['batch', 'sequence']
  const [ids, mask, types] = ['input_ids', 'attention_mask', 'token_type_ids'].map((name) =>
    graph.input(name, tokens),
  ) as [string, string, string]
  const net = new Net(graph, shape, weights)
  let hidden = net.embeddings(ids, types)
  const hidingPadding = net.hidingPadding(mask)
  for (let layer = 0; layer < shape.layers; layer++) hidden = net.layer(hidden, hidingPadding, layer)
  switch (head.kind) {
    case 'none':
      graph.node('Identity', [hidden], 'last_hidden_state')
      graph.output('last_hidden_state', [...tokens, shape.size])
      break
    case 'classes': {
      const first = graph.node('Gather', [hidden, graph.constant([0], [])], 'first_token', { axis: 1 })
      const pooled = graph.node('Tanh', [net.linear(first, 'pooler.dense', shape.size, shape.size)], 'pooled')
      net.linear(pooled, 'classifier', shape.size, head.labels.length, 'logits')
      graph.output('logits', ['batch', head.labels.length])
      break
    }
    case 'tokens':
    case 'masked': {
      const count = head.kind === 'masked' ? shape.vocabulary.length : head.labels.length
      net.linear(
        hidden,
        head.kind === 'masked' ? 'cls.predictions' : 'classifier',
        shape.size,
        count,
        'logits',
      )
      graph.output('logits', [...tokens, count])
      break
    }
    case 'answer': {
      const both = net.linear(hidden, 'qa_outputs', shape.size, 2)
      for (const [index, name] of ['start_logits', 'end_logits'].entries()) {
        graph.node('Gather', [both, graph.constant([index], [])], name, { axis: 2 })
        graph.output(name, tokens)
      }
      break
    }
    default:
      head satisfies never
  }
  return graph
}

/** The parts of the network, each with its weights. */
class Net {
  readonly #graph: OnnxGraph
  readonly #shape: BertShape
  readonly #weights: Weights

  constructor(graph: OnnxGraph, shape: BertShape, weights: Weights) {
    this.#graph = graph
    this.#shape = shape
    this.#weights = weights
  }

  embeddings(ids: string, types: string): string {
    const graph = this.#graph
    const { size, positions, vocabulary } = this.#shape
    const table = (name: string, rows: number) => this.#weight(`embeddings.${name}`, [rows, size])
    const words = graph.node('Gather', [table('word_embeddings.weight', vocabulary.length), ids], 'words')
    const kinds = graph.node('Gather', [table('token_type_embeddings.weight', 2), types], 'kinds')
    const length = graph.node(
      'Slice',
      [graph.node('Shape', [ids], 'ids_shape'), graph.constant([1]), graph.constant([2])],
      'length',
    )
    const places = graph.node(
      'Slice',
      [table('position_embeddings.weight', positions), graph.constant([0]), length, graph.constant([0])],
      'places',
    )
    const sum = graph.node('Add', [graph.node('Add', [words, kinds], 'words_kinds'), places], 'embedded')
    return this.#norm(sum, 'embeddings.LayerNorm')
  }

  /** A very small number for padding, nothing for tokens; added before the softmax. */
  hidingPadding(mask: string): string {
    const graph = this.#graph
    const wide = graph.node('Unsqueeze', [mask, graph.constant([1, 2])], 'mask_wide')
    const numbers = graph.node('Cast', [wide], 'mask_numbers', { to: 1 })
    const hidden = graph.node('Sub', [graph.scalar(1), numbers], 'mask_hidden')
    return graph.node('Mul', [hidden, graph.scalar(-1e9)], 'mask_added')
  }

  layer(input: string, mask: string, number: number): string {
    const graph = this.#graph
    const { size, innerSize } = this.#shape
    const name = `encoder.layer.${number}`
    const attended = this.#attention(input, mask, `${name}.attention`)
    const middle = this.linear(attended, `${name}.intermediate.dense`, size, innerSize)
    const after = this.linear(this.#gelu(middle), `${name}.output.dense`, innerSize, size)
    return this.#norm(graph.node('Add', [after, attended], `${name}.sum`), `${name}.output.LayerNorm`)
  }

  linear(input: string, name: string, inputs: number, outputs: number, output = `${name}.out`): string {
    const matrix = transposed(this.#weights(`${name}.weight`, [outputs, inputs]), outputs, inputs)
    const weight = this.#graph.weight(`${name}.weight`, [inputs, outputs], matrix)
    const product = this.#graph.node('MatMul', [input, weight], `${name}.product`)
    return this.#graph.node('Add', [product, this.#weight(`${name}.bias`, [outputs])], output)
  }

  #attention(input: string, mask: string, name: string): string {
    const graph = this.#graph
    const { size, heads } = this.#shape
    const perHead = size / heads
    const split = (part: string, perm: readonly number[]) => {
      const all = this.linear(input, `${name}.self.${part}`, size, size)
      const parts = graph.node(
        'Reshape',
        [all, graph.constant([0, 0, heads, perHead])],
        `${name}.${part}.parts`,
      )
      return graph.node('Transpose', [parts], `${name}.${part}.heads`, { perm })
    }
    const query = split('query', [0, 2, 1, 3])
    const keys = split('key', [0, 2, 3, 1])
    const values = split('value', [0, 2, 1, 3])
    const raw = graph.node('MatMul', [query, keys], `${name}.raw`)
    const scaled = graph.node('Div', [raw, graph.scalar(Math.sqrt(perHead))], `${name}.scaled`)
    const masked = graph.node('Add', [scaled, mask], `${name}.masked`)
    const shares = graph.node('Softmax', [masked], `${name}.shares`, { axis: -1 })
    const mixed = graph.node('MatMul', [shares, values], `${name}.mixed`)
    const back = graph.node('Transpose', [mixed], `${name}.back`, { perm: [0, 2, 1, 3] })
    const joined = graph.node('Reshape', [back, graph.constant([0, 0, size])], `${name}.joined`)
    const dense = this.linear(joined, `${name}.output.dense`, size, size)
    return this.#norm(graph.node('Add', [dense, input], `${name}.sum`), `${name}.output.LayerNorm`)
  }

  /** x · ½ (1 + erf(x / √2)) */
  #gelu(input: string): string {
    const graph = this.#graph
    const ratio = graph.node('Div', [input, graph.scalar(Math.SQRT2)], `${input}.ratio`)
    const share = graph.node(
      'Add',
      [graph.node('Erf', [ratio], `${input}.erf`), graph.scalar(1)],
      `${input}.share`,
    )
    const half = graph.node('Mul', [input, graph.scalar(0.5)], `${input}.half`)
    return graph.node('Mul', [half, share], `${input}.gelu`)
  }

  #norm(input: string, name: string): string {
    const { size } = this.#shape
    const parts = [this.#weight(`${name}.weight`, [size]), this.#weight(`${name}.bias`, [size])]
    return this.#graph.node('LayerNormalization', [input, ...parts], `${name}.out`, {
      axis: -1,
      epsilon: { float: 1e-12 },
    })
  }

  #weight(name: string, shape: readonly number[]): string {
    return this.#graph.weight(name, shape, this.#weights(name, shape))
  }
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length)
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = values[row * columns + column]!
  return result
}
