/**
 * Failures of this room: a `PlatformError` whose reason is one of the door's list.
 *
 * Which of them may pass by themselves (`unavailable`) and which need somebody to change something (`invalid`) is
 * decided here once.
 */
import type { ErrorCode } from '@berth/contract'
import { PlatformError } from '../domain/errors.ts'
import type { ArtifactFailure } from './model-store.ts'

const CODE = {
  repository_not_found: 'invalid',
  revision_not_found: 'invalid',
  file_not_found: 'invalid',
  hub_token_invalid: 'invalid',
  hub_gated: 'invalid',
  hub_unreachable: 'unavailable',
  path_outside_roots: 'invalid',
  path_not_found: 'invalid',
  disk_full: 'unavailable',
  content_mismatch: 'unavailable',
} satisfies Record<ArtifactFailure, ErrorCode>

export function artifactFailure(
  reason: ArtifactFailure,
  message: string,
  details: { readonly cause?: unknown; readonly retryAfterMs?: number | undefined } = {},
): PlatformError {
  const { cause, retryAfterMs } = details
  return new PlatformError(CODE[reason], message, {
    reason,
    cause,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

export function failedBecause(thrown: unknown, reason: ArtifactFailure): thrown is PlatformError {
  return thrown instanceof PlatformError && thrown.reason === reason
}

/** What the operating system calls the failure, for example `ENOSPC`. */
export function systemCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string'
    ? thrown.code
    : undefined
}

export const isMissing = (thrown: unknown) => ['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '')

export function humanBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3))
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power]}`
}
