/**
 * How the workers of one gateway talk to each other: each has a socket in their common directory, connects to those of
 * the others, and says one JSON object per line. What is said may be lost with a connection, never garbled; whoever
 * connects anew is told everything again. No worker ever waits for another.
 */
import { readdir, rm } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import path from 'node:path'
import type { Clock } from '../../platform/clock.ts'

export type PeerRooms<Message> = {
  readonly directory: string
  readonly gatewayId: string
  readonly clock: Clock
  /** All that a worker has to know which knows nothing. */
  readonly everything: () => Message
  readonly heard: (from: string, message: Message) => void
  /** What this one said counts no more. */
  readonly gone: (from: string) => void
  /** Answers a question; a worker that is asked answers at once. @param number of the question, counted by who asks. */
  readonly answer: (question: string, from: string, number: number) => string
}

type Line<Message> =
  | { readonly kind: 'hello'; readonly from: string }
  | { readonly kind: 'said'; readonly message: Message }
  | { readonly kind: 'asked'; readonly number: number; readonly question: string }
  | { readonly kind: 'answered'; readonly number: number; readonly answer: string }

/** Whoever comes says so itself; this finds those that could not be reached then. */
const LOOK_EVERY_MS = 5_000
/** A worker that reads nothing for so long that this piles up is cut off, and told everything when it comes back. */
const UNREAD_BYTES = 4 * 2 ** 20
const LINE_CHARACTERS = 16 * 2 ** 20
const ANSWER_WITHIN_MS = 1_000

export class PeerSocket<Message> {
  readonly #rooms: PeerRooms<Message>
  readonly #stopped = new AbortController()
  readonly #server: Server
  /** Connections of ours to others, by their ids. */
  readonly #others = new Map<string, Socket>()
  /** Connections of others to us. */
  readonly #incoming = new Map<string, Socket>()
  readonly #questions = new Map<number, { readonly to: string; readonly settle: (answer?: string) => void }>()
  /** Of each, the number of the question whose answer was read last. */
  readonly #lastRead = new Map<string, number>()
  #number = 0

  constructor(rooms: PeerRooms<Message>) {
    this.#rooms = rooms
    this.#server = createServer((socket) => this.#accept(socket))
    this.#server.on('error', () => {})
  }

  get connected(): number {
    return this.#others.size
  }

  get ids(): Iterable<string> {
    return this.#others.keys()
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.#fileOf(this.#rooms.gatewayId), resolve))
    void this.#keepLooking()
  }

  async close(): Promise<void> {
    this.#stopped.abort()
    for (const socket of this.#incoming.values()) socket.destroy()
    // With what was said last.
    for (const socket of this.#others.values()) socket.destroySoon()
    await new Promise((resolve) => this.#server.close(resolve))
    await rm(this.#fileOf(this.#rooms.gatewayId), { force: true })
  }

  say(message: Message): void {
    for (const socket of this.#others.values()) write(socket, { kind: 'said', message })
  }

  /** To any one of them. @returns whether there is one. */
  sayToOne(message: Message): boolean {
    const [socket] = this.#others.values()
    if (socket) write(socket, { kind: 'said', message })
    return socket !== undefined
  }

  /** @returns the answers of those that gave one in time. */
  async ask(question: string): Promise<readonly string[]> {
    const answers: string[] = []
    const take = (answer: string) => void answers.push(answer)
    await Promise.all([...this.#others.keys()].map((id) => this.askOne(id, question, take)))
    return answers
  }

  /** @param take given the answer, if there is one in time, before anything else is read or said. */
  async askOne(id: string, question: string, take: (answer: string) => void): Promise<void> {
    const socket = this.#others.get(id)
    if (!socket) return
    const number = ++this.#number
    const over = new AbortController()
    this.#questions.set(number, {
      to: id,
      settle: (answer) => {
        if (answer !== undefined) take(answer)
        over.abort()
      },
    })
    write(socket, { kind: 'asked', number, question })
    await this.#rooms.clock.sleep(ANSWER_WITHIN_MS, over.signal).catch(() => {})
    this.#questions.delete(number)
  }

  /** Of each worker, the number of the question whose answer was read last. */
  get lastRead(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#lastRead)
  }

  #fileOf(gatewayId: string): string {
    return path.join(this.#rooms.directory, `${gatewayId}.sock`)
  }

  async #keepLooking(): Promise<void> {
    const { directory, gatewayId, clock } = this.#rooms
    const { signal } = this.#stopped
    while (!signal.aborted) {
      for (const name of await readdir(directory).catch(() => [])) {
        const id = /^([\w-]+)\.sock$/.exec(name)?.[1]
        if (id !== undefined && id !== gatewayId && !this.#others.has(id) && !signal.aborted)
          this.#connect(id)
      }
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
    }
  }

  #connect(id: string): void {
    const socket = connect(this.#fileOf(id))
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#others.get(id) !== socket) return
      this.#others.delete(id)
      this.#lastRead.delete(id)
      for (const { to, settle } of [...this.#questions.values()]) if (to === id) settle()
      // It is gone, or was too slow to read and is to be told everything.
      if (!this.#stopped.signal.aborted) this.#connect(id)
    })
    socket.on('connect', () => {
      this.#others.set(id, socket)
      write<Message>(socket, { kind: 'hello', from: this.#rooms.gatewayId })
      write(socket, { kind: 'said', message: this.#rooms.everything() })
    })
    readLines<Message>(socket, (line) => {
      if (line.kind !== 'answered') return
      this.#lastRead.set(id, line.number)
      this.#questions.get(line.number)?.settle(line.answer)
    })
  }

  #accept(socket: Socket): void {
    let from = ''
    socket.on('error', () => {})
    socket.on('close', () => {
      if (from === '' || this.#incoming.get(from) !== socket) return
      this.#incoming.delete(from)
      this.#rooms.gone(from)
    })
    readLines<Message>(socket, (line) => {
      if (line.kind === 'hello') {
        from = line.from
        this.#incoming.get(from)?.destroy()
        this.#incoming.set(from, socket)
        if (!this.#others.has(from) && !this.#stopped.signal.aborted) this.#connect(from)
      } else if (from === '') socket.destroy()
      else if (line.kind === 'said') this.#rooms.heard(from, line.message)
      else if (line.kind === 'asked') {
        const answer = this.#rooms.answer(line.question, from, line.number)
        write<Message>(socket, { kind: 'answered', number: line.number, answer })
      }
    })
  }
}

function write<Message>(socket: Socket, line: Line<Message>): void {
  if (socket.destroyed) return
  socket.write(`${JSON.stringify(line)}\n`)
  if (socket.writableLength > UNREAD_BYTES) socket.destroy()
}

/** Whoever may connect is this user's own process, but a half of a line is never taken for one. */
function readLines<Message>(socket: Socket, take: (line: Line<Message>) => void): void {
  let rest = ''
  socket.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > LINE_CHARACTERS) socket.destroy()
    for (const line of lines) take(JSON.parse(line) as Line<Message>)
  })
}
