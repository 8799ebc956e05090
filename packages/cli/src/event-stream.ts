/** Server-sent events as they come, comments included: the gateway says in a comment what a held request waits for. */

export type StreamEvent = { readonly kind: 'comment' | 'data'; readonly text: string }

/** An event that never ends is no event: more than this without a line end ends the stream. */
const MAX_LINE_LENGTH = 16 * 1024 * 1024

export async function* readEventStream(body: AsyncIterable<Uint8Array>): AsyncIterable<StreamEvent> {
  const decoder = new TextDecoder()
  let data: string[] = []
  let rest = ''
  const take = function* (lines: readonly string[]): Iterable<StreamEvent> {
    for (const line of lines) {
      if (line.startsWith(':')) yield { kind: 'comment', text: line.slice(1).trim() }
      else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
      else if (line === '' && data.length > 0) {
        yield { kind: 'data', text: data.join('\n') }
        data = []
      }
    }
  }
  for await (const bytes of body) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE_LENGTH) throw new Error('The server sent an event without an end.')
    yield* take(lines.map((line) => line.replace(/\r$/, '')))
  }
  // A stream that ends without the last empty line still said what it said.
  yield* take([rest.replace(/\r$/, ''), ''])
}
