/**
 * Gets images, each at most once at a time.
 *
 * A pull takes minutes and a start may not, so a start that needs one is refused with how far it is, while it goes
 * on: whoever wants the replica asks again. An image that is there is never pulled again, so a tag means the same on
 * this machine for as long as the image stays; to move on, name another tag or a digest.
 */
import type Docker from 'dockerode'
import { PlatformError } from '../../domain/errors.ts'
import type { RegistryLogin } from '../../domain/registry-login.ts'
import type { Clock } from '../../platform/clock.ts'
import { LineSplitter } from '../process/line-splitter.ts'
import { daemonMessage, ifThere } from './daemon.ts'
import { PullProgress } from './pull-progress.ts'

export type LocalImage = {
  readonly id: string
  /** `repository@sha256:…`, the same on every machine; the id for an image that came from no registry by this name. */
  readonly digest: string
}

export type ImageRequest = {
  readonly reference: string
  readonly credentials: RegistryLogin | undefined
  /** Told when the pull has ended, well or not. */
  ended(): void
}

/** So long a start waits for a pull: what is small or refused needs no second start. */
const PATIENCE_MS = 3_000
const ASK_AGAIN_MS = 2_000
/** A pull from which nothing is heard for so long is given up. */
export const PULL_STALL_MS = 300_000

type Pull = {
  readonly progress: PullProgress
  /** Never rejects. */
  readonly done: Promise<void>
  heardAt: number
  failure: PlatformError | undefined
  readonly ended: Set<() => void>
}

export class ImagePulls {
  readonly #docker: Docker
  readonly #clock: Clock
  readonly #signal: AbortSignal
  /** A failed one stays until somebody was told. */
  readonly #pulls = new Map<string, Pull>()

  /** @param signal gives up what is being pulled. */
  constructor(docker: Docker, clock: Clock, signal: AbortSignal) {
    this.#docker = docker
    this.#clock = clock
    this.#signal = signal
  }

  /**
   * @throws PlatformError `unavailable` with reason `image_pulling` while it is on its way, `invalid` if it will never
   *   come, `unavailable` if it may come later.
   */
  async get(request: ImageRequest): Promise<LocalImage> {
    const reference = withTag(request.reference)
    const there = await this.find(reference)
    if (there) return there
    if (isBuiltHere(reference)) throw notBuilt(reference)
    if (isId(reference)) throw lost(reference)

    const pull = this.#pulls.get(reference) ?? this.#begin(reference, request)
    pull.ended.add(request.ended)
    const patience = new AbortController()
    await Promise.race([pull.done, this.#clock.sleep(PATIENCE_MS, patience.signal).catch(() => {})])
    patience.abort()
    if (pull.failure) {
      if (this.#pulls.get(reference) === pull) this.#pulls.delete(reference)
      throw pull.failure
    }
    const pulled = await this.find(reference)
    if (pulled) return pulled
    throw new PlatformError('unavailable', `Pulling the image "${reference}": ${pull.progress.text()}.`, {
      reason: 'image_pulling',
      retryAfterMs: ASK_AGAIN_MS,
    })
  }

  #begin(reference: string, request: ImageRequest): Pull {
    const pull: Pull = {
      progress: new PullProgress(),
      done: Promise.resolve().then(() => this.#carryOut(reference, request, pull)),
      heardAt: this.#clock.now(),
      failure: undefined,
      ended: new Set(),
    }
    this.#pulls.set(reference, pull)
    return pull
  }

  async #carryOut(reference: string, request: ImageRequest, pull: Pull): Promise<void> {
    const finished = new AbortController()
    const stalled = new AbortController()
    void this.#watch(pull, finished.signal, stalled)
    try {
      await this.#pull(reference, request.credentials, pull, stalled.signal)
      this.#pulls.delete(reference)
    } catch (error) {
      pull.failure = pullFailure(reference, stalled.signal.aborted ? stalled.signal.reason : error)
    } finally {
      finished.abort()
    }
    for (const tell of pull.ended) tell()
  }

  async #pull(
    reference: string,
    credentials: RegistryLogin | undefined,
    pull: Pull,
    stalled: AbortSignal,
  ): Promise<void> {
    const stream = await this.#docker.pull(reference, {
      abortSignal: AbortSignal.any([stalled, this.#signal]),
      ...(credentials ? { authconfig: { ...credentials, serveraddress: registryOf(reference) } } : {}),
    })
    const splitter = new LineSplitter()
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      pull.heardAt = this.#clock.now()
      // The answer is a success by its status, whatever it then says.
      for (const line of splitter.push(chunk)) {
        const error = pull.progress.hear(line)
        if (error !== undefined) throw new Error(error)
      }
    }
  }

  async #watch(pull: Pull, finished: AbortSignal, stalled: AbortController): Promise<void> {
    while (!finished.aborted) {
      await this.#clock.sleep(PULL_STALL_MS, finished).catch(() => {})
      if (!finished.aborted && this.#clock.now() - pull.heardAt >= PULL_STALL_MS) {
        stalled.abort(new Error(`nothing was heard for ${PULL_STALL_MS / 1000} s`))
        return
      }
    }
  }

  /** What is on the machine; nothing is fetched. */
  async find(name: string): Promise<LocalImage | undefined> {
    const image = await ifThere(this.#docker.getImage(withTag(name)).inspect())
    return image && { id: image.Id, digest: digestOf(name, image.RepoDigests ?? []) ?? image.Id }
  }
}

/** Of the digests by which an image came here, the one of this name's repository: another has other credentials. */
export function digestOf(name: string, digests: readonly string[]): string | undefined {
  const own = digests.filter((digest) => repositoryOf(digest) === repositoryOf(name))
  return own.find((digest) => digest.endsWith(name.slice(name.indexOf('@')))) ?? own[0]
}

/** In the daemon's short way, which leaves out its default registry. */
const repositoryOf = (name: string): string =>
  name
    .replace(/@.*$/, '')
    .replace(/:[^/]*$/, '')
    .replace(/^(index\.)?docker\.io\//, '')
    .replace(/^library\//, '')

const isId = (reference: string): boolean => reference.startsWith('sha256:')

const lost = (id: string) =>
  new PlatformError(
    'invalid',
    `The image that this revision runs (${id}) is not on this machine any more, and it came from no registry. Load it again, or change the endpoint: a new revision takes what the image's name means then.`,
    { reason: 'image_refused' },
  )

/** Names that `images/build.sh` gives. */
const isBuiltHere = (reference: string): boolean => reference.startsWith('localhost/berth/')

const notBuilt = (reference: string) =>
  new PlatformError(
    'invalid',
    `The image "${reference}" is not on this machine, and no registry has it. Build it: images/build.sh in the Berth repository makes those of Berth's own engines.`,
    { reason: 'image_refused' },
  )

const NEVER =
  /not found|unknown|denied|unauthorized|authentication required|no basic auth|invalid|no matching manifest/i
/** Words in which a network speaks, where the ones above may occur too. */
const LATER = /no such host|timeout|refused|reset|toomanyrequests|EOF/i

function pullFailure(reference: string, error: unknown): PlatformError {
  const message = daemonMessage(error)
  const isFinal = NEVER.test(message) && !LATER.test(message)
  return new PlatformError(
    isFinal ? 'invalid' : 'unavailable',
    isFinal
      ? `The image "${reference}" cannot be pulled: ${message}. Check its name, and the credentials if it is private.`
      : `The image "${reference}" could not be pulled: ${message}. It will be tried again.`,
    { reason: isFinal ? 'image_refused' : 'image_pull_failed', cause: error },
  )
}

/** Without a tag the daemon would pull all of them. */
export function withTag(reference: string): string {
  const name = reference.slice(reference.lastIndexOf('/') + 1)
  return name.includes(':') || name.includes('@') ? reference : `${reference}:latest`
}

/** The part before the first slash, if it can be a host. */
export function registryOf(reference: string): string {
  const [first = '', ...rest] = reference.split('/')
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  return isHost ? first : 'https://index.docker.io/v1/'
}
