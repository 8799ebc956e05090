/**
 * What a knowledgeable colleague would run a repository with: the engine, the file, the hardware and the settings, what
 * memory that takes, and where it does not fit, by how much and what would make it fit. Nothing is started or stored.
 */
import { isDeepStrictEqual } from 'node:util'
import type { InstanceFit, Recommendation, RecommendedQuery } from '@berth/contract'
import type { RepositoryCard } from '../artifacts/model-store.ts'
import type { Artifact } from '../domain/artifact.ts'
import { PlatformError } from '../domain/errors.ts'
import { kvBytesPerToken } from '../domain/fit/model-shape.ts'
import { taskFromConfig } from '../domain/infer-task.ts'
import type { InstanceType } from '../domain/instance-type.ts'
import { shortage } from '../domain/memory-ledger.ts'
import { instanceFit, isOfGpus, type Plans, planKey, suggest } from './judge-instances.ts'
import { type EnginePlan, planEngine } from './plan-engine.ts'
import { proposeEndpoint } from './propose-endpoint.ts'
import type { ControlRooms, RepositoryContents } from './rooms.ts'

export async function recommend(rooms: ControlRooms, query: RecommendedQuery): Promise<Recommendation> {
  const token = rooms.hubToken ? { token: rooms.hubToken } : {}
  const { repository, revision = null } = query
  const artifact = await rooms.models.resolve({ repository, revision, ...token })
  const card = await rooms.models.describe(artifact, token)
  const capacity = await rooms.driver.capacity()
  const instances = judged(query.instance, capacity.instanceTypes)
  const contents = rooms.contents({ repository, files: artifact.files })
  const task = card.task ?? taskFromConfig(card.config)

  const plans = new Map<string, EnginePlan | PlatformError>()
  for (const instance of instances) {
    const key = planKey(instance)
    if (plans.has(key)) continue
    const { runtime } = instance
    const hasGpu = instance.gpus > 0
    plans.set(key, await planEngine(rooms, { query, artifact, card, task, hasGpu, runtime }))
  }
  const reserved = (await rooms.driver.list()).flatMap((replica) =>
    replica.state === 'running' ? [replica.resources] : [],
  )
  const fits = instances.map((instance) => {
    const plan = plans.get(planKey(instance))
    const free = shortage(instance, reserved, capacity.total) === undefined
    return instanceFit(instance, plan instanceof PlatformError ? undefined : plan, free)
  })
  const suggested = suggest(fits, instances, plans)
  const plan = planFor(suggested, plans)
  return {
    repository,
    revision: artifact.revision,
    model: modelFacts(plan, card, contents, task),
    files: contents.ggufs.map(({ files, quantisation, sizeBytes }) => ({
      file: files[0],
      quantisation: quantisation ?? null,
      sizeBytes,
      chosen: plan?.image.llamacpp?.modelPath === files[0],
    })),
    engine: plan ? { name: plan.engine.name, available: plan.isHere, reason: plan.reason } : null,
    refusals: plan ? [...plan.refusals] : refusalsIn(plans),
    context: plan?.room?.contextTokens ?? null,
    concurrency: plan?.room?.concurrency ?? null,
    suggestedCompute: suggested?.id ?? null,
    instances: fits,
    measured: plan ? await measuredWith(rooms, artifact, plan) : null,
    endpoint:
      plan?.isHere && suggested ? proposeEndpoint({ query, artifact, plan, instance: suggested }) : null,
    notes: [
      ...adapterNotes(query.repository, contents, card),
      ...notesOn({ plan, contents, suggested, fits }),
    ],
  }
}

/** @throws PlatformError `invalid` that lists what there is. */
function judged(wanted: string | undefined, all: readonly InstanceType[]): readonly InstanceType[] {
  if (wanted === undefined) return all
  const found = all.filter(
    ({ id, instanceType, instanceSize }) => id === wanted || `${instanceType}/${instanceSize}` === wanted,
  )
  if (found.length > 0) return found
  const here = all.map(({ instanceType, instanceSize }) => `${instanceType}/${instanceSize}`).join(', ')
  throw new PlatformError(
    'invalid',
    `There is no instance type "${wanted}" here. There is: ${here || 'none'}.`,
    {
      field: 'instance',
    },
  )
}

/** Of the suggested hardware; without one, of any, and of GPUs first. */
function planFor(suggested: InstanceType | undefined, plans: Plans): EnginePlan | undefined {
  const gpusFirst = [...plans].toSorted(([a], [b]) => Number(isOfGpus(b)) - Number(isOfGpus(a)))
  const all = suggested ? [plans.get(planKey(suggested))] : gpusFirst.map(([, plan]) => plan)
  return all.find((plan): plan is EnginePlan => plan !== undefined && !(plan instanceof PlatformError))
}

/** What an endpoint with the same files and settings was seen to use, the newest first. */
async function measuredWith(
  { store }: Pick<ControlRooms, 'store'>,
  { repository, revision }: Artifact,
  { engine, image }: EnginePlan,
): Promise<Recommendation['measured']> {
  for (const { id, spec } of await store.endpoints.list()) {
    if (spec.model.repository !== repository || spec.model.revision !== revision) continue
    const footprint = (await store.statuses.get(id))?.footprint
    const measured = footprint && (await store.revisions.get(id, footprint.revision))
    if (!measured || measured.engine !== engine.name || !isDeepStrictEqual(measured.image, image)) continue
    return { memoryBytes: footprint.memoryBytes, at: new Date(footprint.at).toISOString() }
  }
  return null
}

function refusalsIn(plans: Plans): Recommendation['refusals'] {
  const errors = [...plans.values()].filter((plan) => plan instanceof PlatformError)
  return [...new Set(errors.map(({ message }) => message))].map((reason) => ({ engine: 'any', reason }))
}

function modelFacts(
  plan: EnginePlan | undefined,
  { library, config }: RepositoryCard,
  { handler, requirements }: RepositoryContents,
  task: string | undefined,
): Recommendation['model'] {
  const { shape, weighed } = plan ?? {}
  const isGguf = weighed?.gguf !== undefined
  return {
    task: handler ? 'custom' : (plan?.task ?? task ?? null),
    library: library ?? (isGguf ? 'gguf' : config ? 'transformers' : null),
    parameters: shape?.parameters ?? null,
    dtype: shape?.dtype ?? null,
    maxContext: shape?.maxContextTokens ?? null,
    weightBytes: shape?.weightBytes ?? null,
    kvBytesPerToken: shape ? kvBytesPerToken(shape) : null,
    handler: handler ?? null,
    requirements: requirements ?? null,
  }
}

/** What an adapter alone is good for. */
function adapterNotes(
  repository: string,
  { isAdapter }: RepositoryContents,
  { baseModel }: RepositoryCard,
): string[] {
  if (!isAdapter) return []
  if (baseModel === undefined)
    return [
      `It is an adapter, and does not say which model it was trained on. Deploy that model with --adapter NAME=${repository}.`,
    ]
  return [
    `It is an adapter for ${baseModel}. Deploy that model with it: berth deploy ${baseModel} --adapter NAME=${repository}, and call it as "namespace/endpoint:NAME".`,
  ]
}

function notesOn({
  plan,
  contents: { handler, requirements },
  suggested,
  fits,
}: {
  readonly plan: EnginePlan | undefined
  readonly contents: RepositoryContents
  readonly suggested: InstanceType | undefined
  readonly fits: readonly InstanceFit[]
}): string[] {
  const most = plan?.shape?.maxContextTokens
  const asked = plan?.room?.contextTokens
  const all: readonly (readonly [boolean, string])[] = [
    [handler !== undefined, `The repository's own ${handler} would run: read it before you trust it.`],
    [
      requirements !== undefined && handler !== undefined,
      `What ${requirements} names would be installed at every start.`,
    ],
    [
      most !== undefined && asked !== undefined && asked > most,
      `The model was trained for requests of ${most} tokens, and ${asked} are asked for: what is beyond is likely nonsense.`,
    ],
    [
      plan !== undefined && !suggested && fits.length > 0,
      'It fits none of the instance types that there are here.',
    ],
    [
      suggested !== undefined && fits.find(({ id }) => id === suggested.id)?.free === false,
      'The suggested hardware is taken at the moment: a replica would wait for it.',
    ],
  ]
  return all.flatMap(([applies, text]) => (applies ? [text] : []))
}
