/**
 * The door between the gateway and its clients' connections.
 *
 * A front takes connections, reads requests from them one at a time, and hands each over once its head is complete and
 * beyond doubt; everything else about HTTP/1.1 (framing, keep-alive, pipelining, 100-continue, slow clients) stays
 * behind it. There are two: `node-front.ts` on Node's own server, and `raw-front.ts` on bare sockets. Both pass the
 * gateway's conformance suite.
 */
import type { Socket } from 'node:net'
import type { Deadlines } from '../deadlines.ts'
import type { FieldLines } from '../http1/field-lines.ts'
import type { GatewayLimits } from '../limits.ts'

export type FrontRooms = {
  readonly limits: GatewayLimits
  readonly deadlines: Deadlines
  /** Milliseconds since the epoch, for the Date header. */
  readonly now: () => number
  /** Takes each request; its answer is given through the response, at once or hours later. */
  readonly answer: (request: ClientRequest, response: ClientResponse) => void
  /** Does what sockets have brought; together with what others have, as a rule. */
  readonly inTurn: (work: () => void) => void
  /** What a client is sent whose bytes are no request, as JSON. */
  readonly refusal: (reason: string) => { readonly requestId: string; readonly text: string }
}

export interface Front {
  /** Takes over a connection that was accepted, encrypted or not. */
  take(socket: Socket): void
  /** Ends connections without a request, and every other one after the answer that it is at. */
  drain(): void
  /** Ends every connection at once. */
  breakOff(): void
  readonly connections: number
}

/** A request whose head has arrived; its body may still be on its way. */
export interface ClientRequest {
  readonly method: string
  /** As it was sent: a path with its query. */
  readonly url: string
  readonly headers: FieldLines
  readonly remoteAddress: string
  readonly body: BodyKind
  /** The client waits for a 100 before it sends the body. */
  readonly expectsContinue: boolean
  /** It asks for a WebSocket instead of an answer. */
  readonly wantsUpgrade: boolean
  /** All of the body has been told. */
  readonly isComplete: boolean
  /** The connection broke or was ended before the body was complete. */
  readonly isBroken: boolean
  /** Sends the 100 that the client waits for. */
  invite(): void
  /** Has the body told to `reader` from now on, perhaps at once. */
  read(reader: BodyReader): void
  pause(): void
  resume(): void
  /** Ends the connection. */
  destroy(): void
}

export type BodyKind =
  | { readonly kind: 'none' }
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunked' }

export interface BodyReader {
  /** The chunk belongs to the reader. */
  arrived(chunk: Buffer): void
  ended(): void
  /** The rest will not come. */
  broke(): void
}

export interface ClientResponse {
  /** Of the answer that has begun; 0 before. */
  readonly statusCode: number
  /** Nothing can be said any more: it has ended, or the client is gone. */
  readonly isOver: boolean
  watch(watcher: ResponseWatcher): void
  /** Sends an interim answer, to clients that know such. @param lines as `AnswerStart` has them. */
  inform(status: number, reason: string, lines: string): void
  /** Begins the answer, which goes out with the first of its body or with `flush`. */
  begin(start: AnswerStart): void
  /** What is written goes out with `flush` or `end`. */
  write(chunk: Buffer): void
  /** @returns false when the client takes no more until `drained`. */
  flush(): boolean
  /** Where the body that has begun is sent in chunks as HTTP/1.1 knows them. */
  readonly chunkWriter?: ChunkWriter | undefined
  /** @param trailers as name, value; sent where the client understands them. */
  end(chunk?: Buffer, trailers?: readonly string[]): void
  /** The connection is closed after this answer. */
  closeAfter(): void
  /** Gives the connection over to another protocol: what is read and written from here on passes as it is. */
  upgrade(reason: string, lines: string): void
  /** Breaks the connection off, so that nobody takes what was sent for a whole answer. */
  destroy(): void
}

export type AnswerStart = {
  readonly status: number
  /** Empty for the usual one. */
  readonly reason: string
  /** Its fields, `name: value` ended by CRLF each: none that are meant for one connection, nor those below. */
  readonly lines: string
  /** Of its body, as the answer says; undefined where it does not, and the body is framed as its client understands it. */
  readonly bytes: number | undefined
  /** Where it has one of its own. */
  readonly date?: string | undefined
}

/** Sends chunks on as they came. */
export interface ChunkWriter {
  /** @param text whole chunks in latin1, none of them the last; goes out at once. @returns as `flush` does. */
  writeChunks(text: string): boolean
}

export interface ResponseWatcher {
  drained(): void
  /** @param wasSent whether the whole answer was given to the client's connection. */
  closed(wasSent: boolean): void
}
