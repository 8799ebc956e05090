/**
 * What a Hub's refusal means: its status and `X-Error-Code` become one of the door's reasons, with a way out.
 *
 * The Hub hides what a caller may not see, so "unknown" and "private" arrive as one answer and are worded as one.
 */
import type { PlatformError } from '../../domain/errors.ts'
import { artifactFailure } from '../artifact-failure.ts'

export type HubRequest = {
  readonly hubUrl: string
  readonly repository: string
  readonly revision: string | null
  /** The file that was asked for, if it was one. */
  readonly path?: string
  readonly token?: string | undefined
}

const TOKEN_SETTING = 'the secret HF_TOKEN of the endpoint, or HF_TOKEN in the environment of the server'
const MAX_QUOTE_LENGTH = 200

export function hubRefusal(request: HubRequest, response: Response): PlatformError {
  const { hubUrl, repository, token } = request
  const status = response.status
  const quote = quoted(response.headers.get('x-error-message'), token)

  switch (response.headers.get('x-error-code')) {
    case 'RepoNotFound':
      return repositoryNotFound(request)
    case 'RevisionNotFound':
      return revisionNotFound(request)
    case 'EntryNotFound':
      return fileNotFound(request)
    case 'GatedRepo':
      return gated(request)
  }

  if (status === 401 && token === undefined) return repositoryNotFound(request)
  if (status === 401) {
    return artifactFailure(
      'hub_token_invalid',
      `${hubUrl} does not accept the token that was sent for "${repository}". ` +
        `It may be mistyped, expired or revoked: put a valid one into ${TOKEN_SETTING}.`,
    )
  }
  if (status === 403) {
    return artifactFailure(
      'hub_gated',
      `${hubUrl} refuses access to "${repository}"${quote}. Ask for access there, or use a token that has it ` +
        `(${TOKEN_SETTING}).`,
    )
  }
  if (isPassing(status)) return unreachable(request, `it answered ${status}`, { response })
  if (status === 404 && request.path !== undefined) return fileNotFound(request)
  if (status === 404) return repositoryNotFound(request)
  return artifactFailure(
    'repository_not_found',
    `${hubUrl} refuses to serve "${repository}": it answered ${status}${quote}. Check the name.`,
  )
}

export function unreachable(
  { hubUrl, repository }: HubRequest,
  what: string,
  details: { readonly cause?: unknown; readonly response?: Response } = {},
): PlatformError {
  return artifactFailure(
    'hub_unreachable',
    `${hubUrl} cannot be reached for "${repository}": ${what}. ` +
      'Check the network and HF_ENDPOINT, or try again later.',
    { cause: details.cause, retryAfterMs: retryAfterMs(details.response) },
  )
}

const isPassing = (status: number) => status === 408 || status === 429 || status >= 500

function repositoryNotFound({ hubUrl, repository, token }: HubRequest): PlatformError {
  const wayOut =
    token === undefined
      ? `If it is private, put a token that may read it into ${TOKEN_SETTING}.`
      : 'If it is private, the token that was sent may not read it.'
  return artifactFailure(
    'repository_not_found',
    `There is no repository "${repository}" on ${hubUrl}, or it is private. Check the name. ${wayOut}`,
  )
}

function revisionNotFound({ hubUrl, repository, revision }: HubRequest): PlatformError {
  return artifactFailure(
    'revision_not_found',
    `The repository "${repository}" on ${hubUrl} has no revision "${revision ?? 'main'}". ` +
      'Name a branch, a tag or a full commit id of it.',
  )
}

function fileNotFound({ hubUrl, repository, revision, path }: HubRequest): PlatformError {
  return artifactFailure(
    'file_not_found',
    `The repository "${repository}" on ${hubUrl} has no file "${path}" at revision "${revision ?? 'main'}". ` +
      'Look at its list of files and choose one of those.',
  )
}

function gated({ hubUrl, repository, token }: HubRequest): PlatformError {
  const wayOut =
    token === undefined
      ? `then put a token of that account into ${TOKEN_SETTING}.`
      : 'with the account whose token was sent, and wait until access is granted.'
  return artifactFailure(
    'hub_gated',
    `The repository "${repository}" is gated: accept its terms on ${hubUrl}/${repository}, ${wayOut}`,
  )
}

/** The Hub's own words, never with the token in them. */
function quoted(message: string | null, token: string | undefined): string {
  if (!message) return ''
  const safe = token === undefined ? message : message.replaceAll(token, '…')
  return ` ("${safe.slice(0, MAX_QUOTE_LENGTH)}")`
}

/** Only the form in seconds: a date would need the two clocks to agree. */
function retryAfterMs(response: Response | undefined): number | undefined {
  const seconds = Number(response?.headers.get('retry-after') ?? Number.NaN)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}
