/** Every limit of the gateway, in one place. */

export const GATEWAY_LIMITS = {
  /** Client connections; more are closed at once. */
  connections: 16_384,
  /** For a TLS handshake. */
  handshakeMs: 10_000,
  /** That a certificate's authority waits for the proof of a name of which the control process has not told yet. */
  nameProofMs: 5_000,
  /** Request line and headers together. */
  headerBytes: 32 * 1024,
  headersTimeoutMs: 30_000,
  /** A whole request, body included; generous because uploads and held requests take long. */
  requestTimeoutMs: 2 * 3_600_000,
  keepAliveMs: 65_000,
  /** Time is looked at so often where thousands of connections have deadlines. */
  deadlineTickMs: 500,
  /** A body that is waited for must bring so much in each span of so long. */
  slowestBodyBytes: 16 * 1024,
  slowestBodyMs: 60_000,
  /** A client that takes nothing of its answer for so long is given up. */
  clientStallMs: 5 * 60_000,
  /** Bytes of further requests, kept while one is answered; then the connection is not read. */
  pipelinedBytes: 64 * 1024,
  /** Requests at once on a connection of HTTP/2; a client that opens more has them refused. */
  http2Streams: 100,
  /** Of the body of one, that a client may send before somebody reads it. */
  http2WindowBytes: 128 * 1024,
  /** Pings, settings and resets on a connection of HTTP/2 in a minute; after more it is broken off. */
  http2ControlFrames: 1_000,
  /** So much of a body is read before it is placed and sent on; the rest streams. */
  bodyStartBytes: 64 * 1024,
  /** A body up to here is kept until the response begins, so that it can be sent again. */
  replayBytes: 1024 * 1024,
  /** How far into a JSON body `model` is looked for; clients may put it after long messages. */
  modelScanBytes: 8 * 1024 * 1024,
  /** A task call that is translated is read whole, and so are its answer and a request for an adapter. */
  taskBodyBytes: 8 * 1024 * 1024,
  taskAnswerBytes: 64 * 1024 * 1024,
  /** All kept bodies of the process together. */
  keptBodyBytes: 256 * 1024 * 1024,
  /** The part of a body that is read before a request is sent on must arrive within this. */
  bodyStartTimeoutMs: 60_000,
  /** A refused request's unread body is thrown away for this long, so that the client reads the refusal. */
  lingerMs: 1_000,

  /** Answers that may be given again, of all endpoints together. */
  cacheBytes: 64 * 1024 * 1024,
  cachedAnswerBytes: 1024 * 1024,
  cacheMs: 3_600_000,

  /** Requests waiting for one endpoint. */
  heldRequests: 1_000,
  /** What is kept of their bodies; the rest of a long one waits with its client. */
  heldBytes: 64 * 1024 * 1024,
  holdMs: 120_000,
  /** The longest hold that X-Scale-Up-Timeout may ask for. */
  longestHoldMs: 3_600_000,
  /** Soon: who comes in a crowd is not there yet when the first one is. */
  firstWakeAgainMs: 50,
  longestWakeAgainMs: 2_000,
  /** A held stream is answered with comments from here on. */
  firstCommentMs: 1_000,
  commentEveryMs: 5_000,
  /** Requests of which somebody fetches the answer later: those that run and those whose answers are kept. */
  deferredRequests: 1_000,
  /** Of one token, or of all callers without one. */
  deferredRequestsOfOne: 250,
  deferredBodyBytes: 8 * 1024 * 1024,
  /** Of one answer. */
  deferredAnswerBytes: 16 * 1024 * 1024,
  /** Of all answers that are kept. */
  deferredAnswersBytes: 128 * 1024 * 1024,
  /** An answer is kept for so long once it is there. */
  deferredAnswerMs: 3_600_000,
  /** What a client is told to wait before it tries again. */
  retryAfterMs: 2_000,

  connectTimeoutMs: 5_000,
  /** A replica may be silent for this long, before its first byte too. */
  replicaSilenceMs: 15 * 60_000,
  /** Connections to a replica that broke before the first byte; a request that kills engines stops here. */
  brokenAttempts: 3,
  /** Whether replicas work on what they have is looked at so often; the judgement's own times are in the domain. */
  watchEveryMs: 1_000,
  /** A replica that shows nothing is asked so often, and has so long to reply. */
  askEveryMs: 5_000,
  askTimeoutMs: 5_000,
  /** A replica that refused a connection gets nothing for this long. */
  restMs: 500,
  idleReplicaConnections: 256,
  idleReplicaConnectionMs: 55_000,
  /** An error of a replica that is passed on inside an open stream. */
  replicaErrorBytes: 64 * 1024,

  /** Usage goes with it. */
  demandEveryMs: 250,
  /** A gateway without anything to tell says that it is alive. */
  signOfLifeEveryMs: 1_000,
  usageBatchRecords: 1_000,
  /** What is kept while the control process is away, about 200 bytes each; the oldest are given up first. */
  usageSpoolRecords: 20_000,
  /** A gateway that ends waits this long for its last usage to be stored. */
  lastUsageMs: 500,
}

export type GatewayLimits = Readonly<typeof GATEWAY_LIMITS>
