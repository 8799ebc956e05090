/** What the benchmarks of the gateway send and expect. */

export const TOKEN = 'sk-test-0123456789abcdef0123456789abcdef'
/** Through a proxy, which takes the first part away. */
export const PROXY_PATH = '/e/bench/m1/v1/chat/completions'
export const ENGINE_PATH = '/v1/chat/completions'
export const EVENTS_PER_STREAM = 200
/** Asks the engine for a stream with so many milliseconds between its events. */
export const INTERVAL_HEADER = 'x-interval-ms'

export const ANSWER =
  `{"id":"chatcmpl-0123456789abcdef","object":"chat.completion","model":"m1","choices":[{"index":0,"message":{"role":"assistant","content":"${'lorem ipsum dolor '.repeat(19)}"},"finish_reason":"stop"}],"usage":{"prompt_tokens":30,"completion_tokens":12,"total_tokens":42}}`.padEnd(
    600,
  )

const TIME_DIGITS = 20
const EVENT_START = 'data: {"id":"chatcmpl-0123456789abcdef","object":"chat.completion.chunk","t":"'
const EVENT_END =
  '","choices":[{"index":0,"delta":{"content":"lorem"},"finish_reason":null}],"model":"m1"}\n\n'

/** An event of about 190 bytes that says when it was written. */
export const eventAt = (nanoseconds: bigint) =>
  EVENT_START + String(nanoseconds).padStart(TIME_DIGITS, '0') + EVENT_END

/** Times of the events in a piece of text, in nanoseconds. */
export function timesIn(text: string): bigint[] {
  const times: bigint[] = []
  for (let at = text.indexOf('"t":"'); at !== -1; at = text.indexOf('"t":"', at + 1)) {
    const digits = text.slice(at + 5, at + 5 + TIME_DIGITS)
    if (digits.length === TIME_DIGITS) times.push(BigInt(digits))
  }
  return times
}

/** A chat request of about so many bytes; prompts of different `seed` have different beginnings. */
export function promptOf(bytes: number, isStream: boolean, seed = 0): string {
  const start = `{"model":"bench/m1","stream":${isStream},"stream_options":{"include_usage":true},"max_tokens":128,"messages":[{"role":"user","content":"${seed} `
  const words = 'The quick brown fox jumps over the lazy dog. '
  const end = '"}]}'
  const missing = Math.max(0, bytes - start.length - end.length)
  return start + words.repeat(Math.ceil(missing / words.length)).slice(0, missing) + end
}

export function requestOf(path: string, body: string, headers = ''): string {
  return (
    `POST ${path} HTTP/1.1\r\nhost: gw.local\r\nuser-agent: bench\r\naccept: */*\r\nauthorization: Bearer ${TOKEN}\r\n` +
    `content-type: application/json\r\n${headers}content-length: ${body.length}\r\n\r\n${body}`
  )
}
