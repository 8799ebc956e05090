/**
 * The key that each replica's engine asks for. Derived from the installation's key and the replica's id, so that
 * nothing is stored, a restarted control process knows the keys of what it adopts, and no two replicas share one.
 */
import { createHmac } from 'node:crypto'
import type { ReplicaId } from './domain/replica.ts'
import { deriveKey } from './store/secret-box.ts'

export function replicaKeyring(installationKey: Buffer): (id: ReplicaId) => string {
  const key = deriveKey(installationKey, 'replica-keys')
  return (id) => createHmac('sha256', key).update(id).digest('base64url')
}

/** Tells this Berth from others on the same Docker daemon; the same for as long as the installation's key is. */
export function installationId(installationKey: Buffer): string {
  return deriveKey(installationKey, 'installation-id').toString('hex').slice(0, 8)
}
