/** `berth plan`: what a repository would run on, and whether it fits, before anything starts. */
import type { InstanceFit, Recommendation, RecommendedQuery } from '@berth/contract'
import type { Command } from 'commander'
import { wholeNumber, withNamespace } from '../command-options.ts'
import { engineVariant, modelSource } from '../endpoint-flags.ts'
import { openSession } from '../session.ts'
import { facts, table } from '../table.ts'

type Flags = {
  readonly instance?: string
  readonly context?: number
  readonly concurrency?: number
  readonly engine?: string
  readonly file?: string
  readonly revision?: string
}

export function addPlan(program: Command): void {
  withNamespace(program.command('plan'))
    .description('say which engine, hardware and settings a model needs, and whether it fits')
    .argument('<model>', 'org/name, berth/guide, ./directory or ./file.gguf')
    .option('--instance <type/size>', 'judge this hardware alone')
    .option('--context <tokens>', 'tokens of one request, prompt and answer', wholeNumber('--context'))
    .option(
      '--concurrency <requests>',
      'requests of that length at the same time',
      wholeNumber('--concurrency'),
    )
    .option('--engine <engine>', 'llamacpp, vLLM, …; without it Berth chooses')
    .option('--file <file>', 'GGUF file of the repository, or a quantisation such as Q4_K_M')
    .option('--revision <revision>', 'branch, tag or commit of the model')
    .action(async (model: string, flags: Flags, command: Command) => {
      const session = await openSession(command)
      const params = { namespace: await session.namespace() }
      const query = planQuery(model, flags, process.cwd())
      const advice = await session.client.recommendConfiguration({ params, query })
      session.printer.result(advice, () => planText(advice))
    })
}

export function planQuery(model: string, flags: Flags, workingDirectory: string): RecommendedQuery {
  const { repository, file } = modelSource(model, workingDirectory)
  const wantedFile = flags.file ?? file
  const { instance, revision, context, concurrency } = flags
  return {
    repository,
    ...(wantedFile ? { file: wantedFile } : {}),
    ...(flags.engine ? { engine: engineVariant(flags.engine) } : {}),
    ...(instance ? { instance } : {}),
    ...(revision ? { revision } : {}),
    ...(context === undefined ? {} : { context }),
    ...(concurrency === undefined ? {} : { concurrency }),
  }
}

export function planText(advice: Recommendation): string {
  const { model, engine, endpoint } = advice
  const suggested = advice.instances.find(({ id }) => id === advice.suggestedCompute)
  const chosenFile = advice.files.find(({ chosen }) => chosen)
  const sections = [
    facts([
      ['model', advice.repository + (advice.revision ? ` at ${advice.revision.slice(0, 12)}` : '')],
      ['task', model.task],
      ['library', model.library],
      ['size', sizeOf(model)],
      ['file', chosenFile?.file],
      ['engine', engine && `${engine.name}${engine.available ? '' : ' (not here)'}: ${engine.reason}`],
      ['provides for', advice.context === null ? null : `${advice.concurrency} × ${advice.context} tokens`],
      ['instance', suggested && nameOf(suggested)],
      ['settings', endpoint && JSON.stringify(endpoint.model.image)],
      ['args', endpoint?.model.args?.join(' ')],
      ['measured', advice.measured && `${gibibytes(advice.measured.memoryBytes)} at ${advice.measured.at}`],
    ]),
  ]
  if (advice.instances.length > 0 && engine)
    sections.push(fitTable(advice.instances, advice.suggestedCompute))
  const worst = advice.instances.find(({ fits }) => fits === false)
  if (worst && (!suggested || advice.instances.length === 1)) sections.push(worst.message)
  const others = advice.files.filter(({ chosen }) => !chosen)
  if (others.length > 0) {
    const names = others.map(
      ({ file, quantisation, sizeBytes }) => `${quantisation ?? file} (${gibibytes(sizeBytes)})`,
    )
    sections.push(`Other files: ${names.join(', ')}`)
  }
  if (!engine) sections.push(advice.refusals.map(({ reason }) => reason).join('\n'))
  sections.push(...advice.notes)
  return sections.join('\n\n')
}

function fitTable(instances: readonly InstanceFit[], suggested: string | null): string {
  return table(
    ['', 'INSTANCE', 'HAS', 'NEEDS', 'WEIGHTS', 'KV CACHE', 'ENGINE', 'FITS'],
    instances.map((instance) => {
      const { estimate, devices, bytesPerDevice } = instance
      const has = `${devices > 1 ? `${devices} × ` : ''}${gibibytes(bytesPerDevice)}`
      const parts = estimate
        ? [estimate.totalBytes, estimate.weightBytes, estimate.kvBytes, estimate.engineBytes].map(gibibytes)
        : ['?', '?', '?', '?']
      return [instance.id === suggested ? '→' : '', nameOf(instance), has, ...parts, verdict(instance)]
    }),
  )
}

function verdict({ fits, spareBytes, free }: InstanceFit): string {
  if (fits === null || spareBytes === null) return 'not known'
  if (!fits) return `no, ${gibibytes(-spareBytes)} short`
  return free ? 'yes' : 'yes, but taken now'
}

function sizeOf({ parameters, dtype, weightBytes, maxContext }: Recommendation['model']): string {
  return [
    ...(parameters ? [`${(parameters / 1e9).toPrecision(3)} billion parameters`] : []),
    ...(dtype ? [dtype] : []),
    ...(weightBytes ? [gibibytes(weightBytes)] : []),
    ...(maxContext ? [`up to ${maxContext} tokens`] : []),
  ].join(', ')
}

const nameOf = ({ instanceType, instanceSize }: InstanceFit) => `${instanceType}/${instanceSize}`

/** As the API's messages have it, so that the two can be compared. */
function gibibytes(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.ceil(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
