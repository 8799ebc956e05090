/** A stream of server-sent events, read as it comes. */
export type SentEvent = { readonly id: string | undefined; readonly data: unknown }

export class EventStream {
  readonly events: SentEvent[] = []
  /** Resolves when the stream has ended, however it did. */
  readonly ended: Promise<void>
  readonly #leaving = new AbortController()

  private constructor(response: Response, leaving: AbortController) {
    this.#leaving = leaving
    this.ended = this.#read(response).catch(() => {})
  }

  static async open(url: string, token: string): Promise<EventStream> {
    const leaving = new AbortController()
    const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' }
    const response = await fetch(url, { headers, signal: leaving.signal })
    if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
    return new EventStream(response, leaving)
  }

  async close(): Promise<void> {
    this.#leaving.abort()
    await this.ended
  }

  async #read(response: Response): Promise<void> {
    let text = ''
    const decoder = new TextDecoder()
    for await (const bytes of response.body ?? []) {
      text += decoder.decode(bytes, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1]
        const data = field('data')
        if (data !== undefined) this.events.push({ id: field('id'), data: JSON.parse(data) })
      }
    }
  }
}
