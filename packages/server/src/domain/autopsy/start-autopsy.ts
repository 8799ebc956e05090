/**
 * The autopsy of a start that failed: from what was seen of it to a cause and what would mend it.
 *
 * Pure, so every engine's last words are a row in a test. What nobody recognises stays `unknown`: a wrong cause costs
 * more time than none.
 */
import type { FailureCause, StartFailure } from '@berth/contract'
import { SYMPTOMS } from './symptoms.ts'

export type Evidence = {
  /** null when it had to be stopped, or a signal ended it. */
  readonly exitCode: number | null
  /** As the runtime says it; undefined while the engine still ran. */
  readonly endedBecause: string | undefined
  readonly wasReady: boolean
  /** Its last output, oldest first. */
  readonly lines: readonly string[]
  readonly probes: ProbeHistory | undefined
  readonly healthRoute: string
}

/** What the health route answered, over all times that it was asked. */
export type ProbeHistory = {
  /** Nothing listened. */
  readonly refused: number
  /** Something took the connection and said nothing. */
  readonly silent: number
  /** Answers that were not 200. */
  readonly answered: number
  readonly lastStatus: number | undefined
}

const MAX_EVIDENCE_LINES = 3
const MAX_LINE_LENGTH = 400
/** Raised by a container or a process that touched memory which a full /dev/shm could not give. */
const BUS_ERROR_EXIT_CODE = 135

export function examineStart(evidence: Evidence): StartFailure {
  return (
    fromLimit(evidence) ??
    fromLines(evidence) ??
    fromExit(evidence) ??
    fromProbes(evidence) ?? {
      cause: 'unknown',
      summary: evidence.wasReady ? 'The engine ended while it served.' : 'The engine did not come up.',
      remedy: 'Its log tells more: `berth logs`.',
      evidence: lastOf(evidence.lines),
    }
  )
}

/** What a runtime or a download said, whose message has the way out already. */
const CAUSE_OF_REASON: Readonly<Record<string, FailureCause>> = {
  hub_gated: 'repository_gated',
  hub_token_invalid: 'repository_gated',
  repository_not_found: 'repository_missing',
  revision_not_found: 'repository_missing',
  file_not_found: 'repository_missing',
  path_not_found: 'repository_missing',
  disk_full: 'disk_full',
  content_mismatch: 'model_damaged',
  image_refused: 'image_not_available',
  image_pull_failed: 'image_not_available',
  does_not_fit: 'out_of_memory',
}

/** Of a start that a room refused before there was a process. */
export function examineRefusal(reason: string | undefined, message: string): StartFailure {
  const driver = SYMPTOMS.find(({ cause }) => cause === 'driver_mismatch')!
  const found = driver.pattern.exec(message)
  if (found) {
    return {
      cause: driver.cause,
      summary: driver.summary(found),
      remedy: driver.remedy(found),
      evidence: [message],
    }
  }
  const [summary = message, ...rest] = message.split(/(?<=\.) (?=[A-Z])/)
  const cause = (reason !== undefined && CAUSE_OF_REASON[reason]) || 'unknown'
  return { cause, summary, remedy: rest.join(' '), evidence: [message] }
}

function fromLimit({ endedBecause, lines }: Evidence): StartFailure | undefined {
  if (!endedBecause?.startsWith('used more than its')) return undefined
  return {
    cause: 'out_of_memory',
    summary: `The engine ${endedBecause}.`,
    remedy:
      'Choose a larger instance, a smaller quantisation, or less context and fewer requests at a time; `berth plan` says how much is enough.',
    evidence: lastOf(lines),
  }
}

function fromLines({ lines }: Evidence): StartFailure | undefined {
  const text = lines.join('\n')
  for (const { cause, pattern, summary, remedy } of SYMPTOMS) {
    const found = pattern.exec(text)
    if (!found) continue
    return { cause, summary: summary(found), remedy: remedy(found), evidence: linesAround(text, found) }
  }
  return undefined
}

function fromExit({ exitCode, endedBecause = '', lines }: Evidence): StartFailure | undefined {
  if (exitCode === BUS_ERROR_EXIT_CODE || /SIGBUS/.test(endedBecause)) {
    const symptom = SYMPTOMS.find(({ cause }) => cause === 'no_shared_memory')!
    const found = symptom.pattern.exec('Bus error')!
    const summary = symptom.summary(found)
    return { cause: symptom.cause, summary, remedy: symptom.remedy(found), evidence: lastOf(lines) }
  }
  if (/SIGILL|exec format error/i.test(endedBecause)) {
    return {
      cause: 'driver_mismatch',
      summary: 'The program was built for another kind of processor.',
      remedy: 'Name an image for the processor of this machine (model.image.….url).',
      evidence: [endedBecause],
    }
  }
  if (/no such file or directory|not found in \$PATH/i.test(endedBecause)) {
    return {
      cause: 'bad_argument',
      summary: `The image has no such program: ${endedBecause}.`,
      remedy: 'Correct model.command, or leave it out to run the image’s own entrypoint.',
      evidence: [endedBecause],
    }
  }
  return undefined
}

/** Only of one that still ran: what ended has other reasons not to answer. */
function fromProbes({
  endedBecause,
  wasReady,
  probes,
  healthRoute,
  lines,
}: Evidence): StartFailure | undefined {
  if (endedBecause !== undefined || wasReady || !probes) return undefined
  const { refused, silent, answered, lastStatus } = probes
  if (lastStatus === 404 || lastStatus === 405) {
    return {
      cause: 'health_route_missing',
      summary: `The engine listens, and answers ${lastStatus} to GET ${healthRoute}.`,
      remedy: 'Name the route that answers 200 when it is ready, with healthRoute in model.image.',
      evidence: [`GET ${healthRoute} → ${lastStatus}`, ...listening(lines)],
    }
  }
  if (refused + silent > 0 && answered === 0) {
    const where = listening(lines)
    return {
      cause: 'wrong_port',
      summary: 'The engine ran, and nothing answered on the port that Berth asked.',
      remedy:
        'Let it listen on 0.0.0.0 and on the port of model.image (port), or name there the port on which it listens.',
      evidence: where.length > 0 ? where : lastOf(lines),
    }
  }
  return undefined
}

/** Where the engine says that it listens. */
function listening(lines: readonly string[]): string[] {
  return lines
    .filter((line) => /listen|running on|serving (?:on|at)|started server/i.test(line))
    .slice(-1)
    .map(cut)
}

function linesAround(text: string, found: RegExpExecArray): string[] {
  const from = text.lastIndexOf('\n', found.index) + 1
  const end = text.indexOf('\n', found.index + found[0].length)
  const lines = text.slice(from, end === -1 ? undefined : end).split('\n')
  return lines.slice(-MAX_EVIDENCE_LINES).map(cut)
}

function lastOf(lines: readonly string[]): string[] {
  return lines
    .filter((line) => line.trim() !== '')
    .slice(-MAX_EVIDENCE_LINES)
    .map(cut)
}

const cut = (line: string) => line.slice(0, MAX_LINE_LENGTH)
