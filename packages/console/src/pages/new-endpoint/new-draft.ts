/** A new endpoint as it is typed: its draft, and what only a new one is asked for. Pure. */
import type { Endpoint, EndpointWithStatus } from '@berth/contract'
import { draftOf, type EndpointDraft, withoutSecrets } from '../../form/endpoint-draft.ts'
import { endpointOf } from '../../form/endpoint-meaning.ts'
import type { Place } from './instances.ts'

export type NewDraft = {
  readonly name: string
  readonly vendor: string
  readonly region: string
  readonly of: EndpointDraft
}

export const newDraftOf = (endpoint: Endpoint | EndpointWithStatus): NewDraft => ({
  name: endpoint.name,
  vendor: endpoint.provider.vendor,
  region: endpoint.provider.region,
  of: draftOf(endpoint),
})

/** Another endpoint like this one, under a name of its own. Secrets are never read back: they are asked for again. */
export function copyOf(original: EndpointWithStatus): NewDraft {
  const { of, ...rest } = newDraftOf(original)
  return {
    ...rest,
    name: `${original.name.slice(0, MAX_NAME_LENGTH - COPY.length).replace(/-+$/, '')}${COPY}`,
    of: { ...of, secrets: of.secrets.map((secret) => ({ ...secret, isNew: true })) },
  }
}
const COPY = '-copy'

/** For a model that Berth knows nothing about: the engine is left to it. */
export function blankDraft(repository: string, { vendor, region, ...instance }: Place): NewDraft {
  return newDraftOf({
    name: nameFor(repository),
    type: 'private',
    provider: { vendor, region },
    compute: { ...instance, scaling: { minReplica: 0, maxReplica: 1, scaleToZeroTimeout: 15 } },
    model: { repository, framework: 'custom', image: { huggingface: {} } },
  })
}

const MAX_NAME_LENGTH = 32

/** `org/Qwen2.5-0.5B-Instruct-GGUF` → `qwen2-5-0-5b-instruct`, as the command line does it. */
export function nameFor(repository: string): string {
  const last = repository.split('/').findLast((part) => part !== '') ?? ''
  return last
    .toLowerCase()
    .replace(/[-_.]gguf$/, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, MAX_NAME_LENGTH)
    .replace(/^-+|-+$/g, '')
}

export const endpointFrom = ({ name, vendor, region, of }: NewDraft): Endpoint =>
  endpointOf(of, { name, provider: { vendor, region } })

export const newDraftWithoutSecrets = (draft: NewDraft): NewDraft => ({
  ...draft,
  of: withoutSecrets(draft.of),
})

/** Where and on what. */
export const placeOf = ({ vendor, region, of }: NewDraft): Place => ({ vendor, region, ...of.instance })
