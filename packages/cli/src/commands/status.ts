/** `berth status`: the installation that answers. */
import type { SystemStatus } from '@berth/contract'
import type { Command } from 'commander'
import { openSession } from '../session.ts'
import { bytes, facts } from '../table.ts'

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('show what the server runs')
    .action(async (_flags: unknown, command: Command) => {
      const session = await openSession(command)
      const status = await session.client.systemStatus()
      session.printer.result(status, () => overview(status))
    })
}

function certificate({
  names,
  expiresAt,
  nextOrderAt,
  failure,
}: NonNullable<SystemStatus['certificate']>): string {
  const life = expiresAt ? `expires ${expiresAt}` : 'none yet'
  const failed =
    failure &&
    `${failure.count === 1 ? 'the last order' : `the last ${failure.count} orders`} failed: ${failure.message}`
  return [`${names.join(', ')}: ${life}; next order ${nextOrderAt}`, ...(failed ? [failed] : [])].join('\n')
}

function overview(status: SystemStatus): string {
  const { memory } = status
  const endpoints = Object.entries(status.endpoints).filter(([, count]) => count > 0)
  return facts([
    ['url', status.url],
    ['version', status.version],
    ['since', status.startedAt],
    ['home', status.home],
    ['store', status.store],
    [
      'gateways',
      status.gateways
        .map(
          ({ id, worker, pid, connected }) =>
            `${id} (worker ${worker}, pid ${pid}${connected ? '' : ', not connected'})`,
        )
        .join('\n') || 'none',
    ],
    [
      'runtimes',
      status.runtimes
        .map(({ name, notices }) => [name, ...notices.map((notice) => `  ${notice}`)].join('\n'))
        .join('\n'),
    ],
    ['endpoints', endpoints.map(([state, count]) => `${count} ${state}`).join(', ') || 'none'],
    ...(status.certificate ? [['certificate', certificate(status.certificate)] as const] : []),
    ['memory', `${bytes(memory.reservedBytes)} of ${bytes(memory.totalBytes)} reserved`],
  ])
}
