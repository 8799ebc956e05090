/** Every limit of this room, with its unit. A main file or a test may set its own. */
export type ArtifactLimits = {
  /** A source that says nothing for so long, before or within an answer, is broken off. */
  readonly silenceMs: number
  /** Attempts in a row that bring nothing new before a source counts as unreachable. */
  readonly attempts: number
  readonly firstBackoffMs: number
  readonly maxBackoffMs: number
  /** Files of one artifact that download at the same time. */
  readonly parallelFiles: number
  /** Files that one artifact may have. */
  readonly files: number
  /** Between two looks at a blob that another process is downloading. */
  readonly lockPollMs: number
  readonly progressEveryMs: number
}

export const ARTIFACT_LIMITS: ArtifactLimits = {
  silenceMs: 30_000,
  attempts: 6,
  firstBackoffMs: 500,
  maxBackoffMs: 16_000,
  parallelFiles: 4,
  files: 20_000,
  lockPollMs: 250,
  progressEveryMs: 250,
}

export function backoffMs(fruitless: number, limits: ArtifactLimits): number {
  return Math.min(limits.maxBackoffMs, limits.firstBackoffMs * 2 ** Math.max(0, fruitless - 1))
}
