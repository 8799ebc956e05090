/** An endpoint as one would create it from a recommendation: every value chosen, nothing left to defaults. */
import type { Endpoint, RecommendedQuery } from '@berth/contract'
import type { Artifact } from '../domain/artifact.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import type { EnginePlan } from './plan-engine.ts'

/** As `berth deploy` has it. */
const IDLE_MINUTES = 15
const MAX_NAME_LENGTH = 32

export function proposeEndpoint({
  query,
  artifact,
  plan,
  instance,
}: {
  readonly query: RecommendedQuery
  readonly artifact: Artifact
  readonly plan: Pick<EnginePlan, 'image' | 'args' | 'task'>
  readonly instance: InstanceType
}): Endpoint {
  const { vendor, region, accelerator, instanceType, instanceSize, id } = instance
  return {
    name: nameFor(query.repository),
    type: 'private',
    provider: { vendor, region },
    compute: {
      ...{ id, accelerator, instanceType, instanceSize },
      scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: IDLE_MINUTES },
    },
    model: {
      repository: query.repository,
      framework: plan.image.llamacpp ? 'llamacpp' : 'custom',
      image: plan.image,
      ...(artifact.revision ? { revision: artifact.revision } : {}),
      ...(plan.task ? { task: plan.task } : {}),
      ...(plan.args.length > 0 ? { args: [...plan.args] } : {}),
    },
  }
}

/** The last part of the repository's name, as the name of an endpoint may be written. */
function nameFor(repository: string): string {
  const last = repository.replace(/\/+$/, '').split('/').at(-1) ?? ''
  const name = last
    .replace(/\.gguf$/i, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_NAME_LENGTH)
    .replaceAll(/^-+|-+$/g, '')
  return name || 'model'
}
