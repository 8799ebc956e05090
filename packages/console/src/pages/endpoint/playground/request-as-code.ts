/** A request as a person would write it: curl, and the clients that people have. Pure. */

export const codeLanguages = ['curl', 'python', 'javascript', 'huggingface_hub', 'langchain'] as const
export type CodeLanguage = (typeof codeLanguages)[number]

export const LANGUAGE_LABELS: Readonly<Record<CodeLanguage, string>> = {
  curl: 'curl',
  python: 'OpenAI, Python',
  javascript: 'OpenAI, JavaScript',
  huggingface_hub: 'huggingface_hub',
  langchain: 'LangChain',
}

export type CodeRequest = {
  /** Of the endpoint, without a slash at the end. */
  readonly url: string
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Undefined where the client has no such call. */
export function requestAsCode(language: CodeLanguage, request: CodeRequest): string | undefined {
  switch (language) {
    case 'curl':
      return asCurl(request)
    case 'python':
      return asPython(request)
    case 'javascript':
      return asJavaScript(request)
    case 'huggingface_hub':
      return asHub(request)
    case 'langchain':
      return asLangChain(request)
    default:
      return language satisfies never
  }
}

function asCurl({ url, path, body }: CodeRequest): string {
  return [
    `curl ${url}${path} \\`,
    `  -H "Authorization: Bearer $BERTH_TOKEN" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d ${shellQuoted(JSON.stringify(body, null, 2))}`,
  ].join('\n')
}

const shellQuoted = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** The methods of the OpenAI clients, by path. */
const OPENAI: Readonly<Record<string, { readonly python: string; readonly javascript: string }>> = {
  '/v1/chat/completions': { python: 'chat.completions.create', javascript: 'chat.completions.create' },
  '/v1/completions': { python: 'completions.create', javascript: 'completions.create' },
  '/v1/embeddings': { python: 'embeddings.create', javascript: 'embeddings.create' },
}

function asPython({ url, path, body }: CodeRequest): string | undefined {
  const method = OPENAI[path]?.python
  if (!method) return undefined
  const prints =
    body['stream'] === true
      ? [
          'for chunk in answer:',
          '    if chunk.choices:',
          '        print(chunk.choices[0].delta.content or "", end="")',
        ]
      : [path === '/v1/embeddings' ? 'print(answer.data[0].embedding[:8])' : 'print(answer)']
  return [
    'import os',
    'from openai import OpenAI',
    '',
    `client = OpenAI(base_url="${url}/v1", api_key=os.environ["BERTH_TOKEN"])`,
    `answer = client.${method}(`,
    ...Object.entries(body).map(([name, value]) => `    ${name}=${pythonValue(value, 1)},`),
    ')',
    ...prints,
  ].join('\n')
}

/** JSON as a Python literal; strings of JSON are strings of Python. */
export function pythonValue(value: unknown, depth = 0): string {
  const indent = '    '.repeat(depth)
  if (value === null || value === undefined) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value !== 'object') return JSON.stringify(value)
  const isList = Array.isArray(value)
  const parts = isList
    ? value.map((one) => pythonValue(one, depth + 1))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${pythonValue(one, depth + 1)}`)
  const [open, close] = isList ? '[]' : '{}'
  const short = `${open}${parts.join(', ')}${close}`
  if (short.length <= MAX_LINE && !short.includes('\n')) return short
  return `${open}\n${parts.map((part) => `${indent}    ${part},\n`).join('')}${indent}${close}`
}
const MAX_LINE = 76

function asJavaScript({ url, path, body }: CodeRequest): string | undefined {
  const method = OPENAI[path]?.javascript
  if (!method) return undefined
  const prints =
    body['stream'] === true
      ? 'for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta.content ?? "");'
      : path === '/v1/embeddings'
        ? 'console.log(answer.data[0].embedding.slice(0, 8));'
        : 'console.log(answer);'
  return [
    'import OpenAI from "openai";',
    '',
    `const client = new OpenAI({ baseURL: "${url}/v1", apiKey: process.env.BERTH_TOKEN });`,
    `const answer = await client.${method}(${JSON.stringify(body, null, 2)});`,
    prints,
  ].join('\n')
}

function asHub({ url, path, body }: CodeRequest): string | undefined {
  const begin = [
    'import os',
    'from huggingface_hub import InferenceClient',
    '',
    `client = InferenceClient(base_url="${url}", api_key=os.environ["BERTH_TOKEN"])`,
  ]
  switch (path) {
    case '/v1/chat/completions': {
      const { model: _model, stream_options: _options, ...rest } = body
      return [
        ...begin,
        'answer = client.chat_completion(',
        ...Object.entries(rest).map(([name, value]) => `    ${name}=${pythonValue(value, 1)},`),
        ')',
        ...(body['stream'] === true
          ? ['for chunk in answer:', '    print(chunk.choices[0].delta.content or "", end="")']
          : ['print(answer.choices[0].message.content)']),
      ].join('\n')
    }
    case '/v1/embeddings':
    case '/embed': {
      const input = body['input'] ?? body['inputs']
      return [...begin, `print(client.feature_extraction(${pythonValue(input)}).shape)`].join('\n')
    }
    default:
      return undefined
  }
}

function asLangChain({ url, path, body }: CodeRequest): string | undefined {
  const begin = (name: string, settings: Readonly<Record<string, unknown>>) => [
    'import os',
    `from langchain_openai import ${name}`,
    '',
    `client = ${name}(`,
    `    base_url="${url}/v1",`,
    '    api_key=os.environ["BERTH_TOKEN"],',
    ...Object.entries(settings).map(([setting, value]) => `    ${setting}=${pythonValue(value, 1)},`),
    ')',
  ]
  switch (path) {
    case '/v1/chat/completions': {
      const { messages, stream, stream_options: _options, ...settings } = body
      return [
        ...begin('ChatOpenAI', settings),
        `messages = ${pythonValue(messages)}`,
        ...(stream === true
          ? ['for chunk in client.stream(messages):', '    print(chunk.text, end="")']
          : ['print(client.invoke(messages).text)']),
      ].join('\n')
    }
    case '/v1/embeddings': {
      const { input, ...settings } = body
      const texts = Array.isArray(input) ? input : [input]
      return [
        // It would send the numbers of another model's tokens.
        ...begin('OpenAIEmbeddings', { ...settings, check_embedding_ctx_length: false }),
        `print(client.embed_documents(${pythonValue(texts)})[0][:8])`,
      ].join('\n')
    }
    default:
      return undefined
  }
}
