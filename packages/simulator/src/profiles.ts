/** What the replicas of the simulated world can do. Orders of magnitude of real pairs, not measurements of one. */
import type { CapacityProfile } from '@berth/server/domain/scale/capacity-profile'

export type ReplicaProfile = CapacityProfile & {
  readonly name: string
  /** The most prompt tokens that one step works through. */
  readonly prefillTokensPerStep: number
}

export const PROFILES = {
  /** About 8 billion parameters in 8 bits on a 24 GB card. */
  small: {
    name: 'small',
    stepMs: 32,
    stepMsPerSequence: 0.5,
    stepMsPerContextToken: 0.0004,
    prefillMsPerToken: 0.3,
    prefillTokensPerStep: 512,
    maxSequences: 64,
    contextTokens: 100_000,
    startMs: 90_000,
  },
  /** About 70 billion parameters in 16 bits on four 80 GB cards. */
  large: {
    name: 'large',
    stepMs: 28,
    stepMsPerSequence: 0.2,
    stepMsPerContextToken: 0.00005,
    prefillMsPerToken: 0.18,
    prefillTokensPerStep: 1_024,
    maxSequences: 256,
    contextTokens: 450_000,
    startMs: 180_000,
  },
} as const satisfies Record<string, ReplicaProfile>
