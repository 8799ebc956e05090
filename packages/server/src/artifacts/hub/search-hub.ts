/**
 * Looks for models on the Hub. Somebody types meanwhile, so it is tried once and soon given up, and a Hub that is away
 * is an answer, not a failure: then there is nothing to choose from, and everything else goes on.
 */
import type { HubModel, HubSearch, HubSearchQuery } from '@berth/contract'
import type { Clock } from '../../platform/clock.ts'
import { isHubRepository, networkCause } from './hub-source.ts'

const PATIENCE_MS = 4_000
/** Fifty models are some tens of kilobytes. */
const MAX_ANSWER_BYTES = 4 * 2 ** 20

export type SearchRooms = {
  readonly hubUrl: string
  readonly token: string | undefined
  readonly clock: Clock
}

export async function searchHub(rooms: SearchRooms, query: HubSearchQuery): Promise<HubSearch> {
  const hub = rooms.hubUrl.replace(/\/+$/, '')
  const givenUp = new AbortController()
  const found = new AbortController()
  rooms.clock.sleep(PATIENCE_MS, found.signal).then(
    () => givenUp.abort(new Error(`it said nothing for ${PATIENCE_MS / 1_000} s`)),
    () => {},
  )
  try {
    return { hub, problem: null, items: await ask(hub, rooms.token, query, givenUp.signal) }
  } catch (error) {
    const why = givenUp.signal.aborted ? givenUp.signal.reason : error
    return { hub, problem: `${hub} ${problemOf(why)}`, items: [] }
  } finally {
    found.abort()
  }
}

async function ask(
  hubUrl: string,
  token: string | undefined,
  { search, task, limit }: HubSearchQuery,
  signal: AbortSignal,
): Promise<HubModel[]> {
  // Loaded by the first who looks: it is large, and many installations never ask the Hub.
  const { listModels } = await import('@huggingface/hub')
  const models: HubModel[] = []
  const asked = listModels({
    hubUrl,
    search: { query: search, ...(task !== undefined && { task: task as never }) },
    sort: 'downloads',
    limit,
    additionalFields: ['library_name'],
    // The package takes only tokens that begin with `hf_`, and knows no patience.
    fetch: async (url, init) => {
      const headers = { ...init?.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) }
      const response = await fetch(url, { ...init, headers, signal })
      if (!response.ok) {
        await response.body?.cancel()
        throw new Refusal(response.status)
      }
      return new Response(await textOf(response), { headers: { 'content-type': 'application/json' } })
    },
  })
  for await (const {
    name,
    task: itsTask,
    library_name: library,
    downloads,
    likes,
    updatedAt,
    gated,
    ...rest
  } of asked) {
    // Names become addresses and commands.
    if (!isHubRepository(name)) continue
    models.push({
      repository: name,
      task: itsTask ?? null,
      library: library ?? null,
      downloads: downloads ?? 0,
      likes: likes ?? 0,
      updatedAt: Number.isNaN(updatedAt.getTime()) ? null : updatedAt.toISOString(),
      gated: Boolean(gated),
      private: Boolean(rest.private),
    })
  }
  return models
}

/** What stands between here and the Hub may answer with anything, and as much of it as it likes. */
async function textOf(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`it answered with more than ${MAX_ANSWER_BYTES} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number) {
    super(`it answered ${status}`)
    this.status = status
  }
}

const WAY_OUT = 'Check the network and HF_ENDPOINT, or give the model by its name.'

function problemOf(error: unknown): string {
  if (error instanceof Refusal && (error.status === 401 || error.status === 403)) {
    return 'does not accept this installation’s token. Put a valid one into HF_TOKEN in the environment of the server.'
  }
  if (error instanceof SyntaxError || error instanceof TypeError) {
    const isNetwork = error instanceof TypeError && error.cause !== undefined
    if (!isNetwork) return `answered as no Hub does. ${WAY_OUT}`
  }
  return `cannot be reached: ${networkCause(error)}. ${WAY_OUT}`
}
