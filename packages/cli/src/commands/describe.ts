/** `berth describe`: one endpoint, everything that is known about it. */
import { type EndpointWithStatus, type ReplicaView, variantOf } from '@berth/contract'
import type { Command } from 'commander'
import { NAME, withNamespace } from '../command-options.ts'
import type { Printer } from '../printer.ts'
import { scalingInWords } from '../scaling-flags.ts'
import { openSession } from '../session.ts'
import { bytes, facts, table } from '../table.ts'

export function addDescribe(program: Command): void {
  withNamespace(program.command('describe').description('show one endpoint with its replicas'))
    .argument(`<${NAME}>`)
    .action(async (name: string, _flags: unknown, command: Command) => {
      const session = await openSession(command)
      const params = await session.endpoint(name)
      const [endpoint, replicas] = await Promise.all([
        session.client.getEndpoint({ params }),
        session.client.listReplicas({ params }),
      ])
      session.printer.result({ ...endpoint, replicas: replicas.items }, () =>
        description(endpoint, replicas.items, session.printer),
      )
    })
}

function description(
  endpoint: EndpointWithStatus,
  replicas: readonly ReplicaView[],
  printer: Printer,
): string {
  const { status, model, compute } = endpoint
  const { scaling } = compute
  const { name: variant, settings } = variantOf(model.image)
  const sections = [
    facts([
      ['name', `${endpoint.namespace}/${endpoint.name}`],
      ['state', printer.state(status.state)],
      ['message', status.message],
      ['cause', status.failure && status.failure.cause !== 'unknown' ? status.failure.cause : null],
      ['happened', status.failure?.summary],
      ['remedy', status.failure?.remedy],
      ['error', status.errorMessage === status.message ? null : status.errorMessage],
      ['url', status.url],
      ['access', endpoint.type],
      ['model', model.repository + (model.revision ? ` at ${model.revision.slice(0, 12)}` : '')],
      ['engine', [endpoint.engine ?? variant, ...keyValues(settings)].join(' ')],
      ['image', endpoint.imageDigest],
      ['args', model.args.join(' ')],
      ['env', keyValues(model.env).join('\n')],
      ['secrets', Object.keys(model.secrets).join(', ')],
      ['instance', `${compute.instanceType}/${compute.instanceSize} (${compute.id})`],
      ['memory', status.footprint && `${bytes(status.footprint.memoryBytes)} at most for a replica`],
      ['replicas', `${status.readyReplica} of ${status.targetReplica} ready`],
      ['scaling', scalingInWords(scaling)],
      ['routing', keyValues(endpoint.routing ?? {}).join(' ')],
      ['router', routerInWords(endpoint)],
      ['limits', keyValues(endpoint.limits ?? {}).join(' ')],
      ['tags', endpoint.tags.join(', ')],
      ['revision', `${status.generation} (observed ${status.observedGeneration})`],
      ['created', `${status.createdAt} by ${status.createdBy.name}`],
      ['updated', `${status.updatedAt} by ${status.updatedBy.name}`],
      ['last used', status.lastUsedAt],
    ]),
  ]
  if (replicas.length > 0) {
    sections.push(
      table(
        ['REPLICA', 'STAGE', 'REVISION', 'STARTED'],
        replicas.map(({ id, status, revision, startedAt }) => [
          id,
          status.stage,
          String(revision),
          startedAt,
        ]),
      ),
    )
  }
  return sections.join('\n\n')
}

function routerInWords({ customRouter, status: { router } }: EndpointWithStatus): string {
  if (!customRouter?.tag) return ''
  const how = router ? `: ${router.state}. ${router.message}` : ''
  return customRouter.tag + how
}

const keyValues = (settings: Readonly<Record<string, unknown>>) =>
  Object.entries(settings)
    .filter(([, value]) => value !== null)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
