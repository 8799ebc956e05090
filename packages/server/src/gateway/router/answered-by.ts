/** Who answered behind a router, as the door that it used says, and what of that goes on to the client. Pure. */
import type { ReplicaId } from '../../domain/replica.ts'
import type { UsageRecord } from '../../domain/usage/usage-record.ts'
import { type HeaderFields, lineOf } from '../http1/field-lines.ts'

const ADAPTER = /^([\w.-]{1,100}); sha256=([0-9a-f]{64})$/

/** @returns undefined for an answer that the router gave itself. */
export function answeredBy(
  headers: HeaderFields,
  replicas: readonly { readonly id: ReplicaId }[],
): ReplicaId | undefined {
  return replicas.find(({ id }) => id === headers['x-berth-replica'])?.id
}

export function adapterInAnswer(headers: HeaderFields): UsageRecord['adapter'] {
  const [, name, hash] = ADAPTER.exec(headers['x-berth-adapter'] ?? '') ?? []
  return name !== undefined && hash !== undefined ? { name, hash } : undefined
}

/** `name: value`, ended by CRLF each. */
export const saidByDoors = (headers: HeaderFields): string =>
  (['x-berth-replica', 'x-berth-adapter'] as const)
    .map((name) => (headers[name] === undefined ? '' : lineOf(name, headers[name])))
    .join('')
