/** `berth pause`, `resume` and `scale-to-zero`: whether an endpoint runs. */
import type { Command } from 'commander'
import { NAME, withNamespace, withWait } from '../command-options.ts'
import { openSession } from '../session.ts'
import { showStart } from '../show-start.ts'
import { AWAKE_OR_FAILED } from '../wait-until-settled.ts'

export function addPause(program: Command): void {
  withNamespace(
    program.command('pause').description('stop every replica until somebody resumes the endpoint'),
  )
    .argument(`<${NAME}>`)
    .action(async (name: string, _flags: unknown, command: Command) => {
      const { session, params } = await open(name, command)
      const endpoint = await session.client.pauseEndpoint({ params })
      session.printer.result(endpoint, () => `Paused ${params.namespace}/${params.name}.`)
    })
}

export function addScaleToZero(program: Command): void {
  withNamespace(
    program.command('scale-to-zero').description('stop every replica; the next request wakes the endpoint'),
  )
    .argument(`<${NAME}>`)
    .action(async (name: string, _flags: unknown, command: Command) => {
      const { session, params } = await open(name, command)
      const endpoint = await session.client.scaleEndpointToZero({ params })
      session.printer.result(endpoint, () => `Scaled ${params.namespace}/${params.name} to zero.`)
    })
}

export function addResume(program: Command): void {
  const command = program
    .command('resume')
    .description('start a paused endpoint again, or wake a sleeping one')
  withWait(withNamespace(command))
    .argument(`<${NAME}>`)
    .action(async (name: string, flags: { readonly wait: boolean }, command: Command) => {
      const { session, params } = await open(name, command)
      const accepted = await session.client.resumeEndpoint({ params })
      await showStart(session, accepted, { wait: flags.wait, until: AWAKE_OR_FAILED })
    })
}

async function open(name: string, command: Command) {
  const session = await openSession(command)
  return { session, params: await session.endpoint(name) }
}
