/** `berth hardware`: what a replica can run on, what it costs, and how much of it is free. */
import type { ComputeOffer, VendorList } from '@berth/contract'
import type { Command } from 'commander'
import { withNamespace } from '../command-options.ts'
import { openSession } from '../session.ts'
import { table } from '../table.ts'

export function addHardware(program: Command): void {
  withNamespace(program.command('hardware'))
    .description('list the hardware that a replica can run on')
    .action(async (_flags: unknown, command: Command) => {
      const session = await openSession(command)
      const params = { namespace: await session.namespace() }
      const list = await session.client.listVendorsForNamespace({ params })
      session.printer.result(list, () => hardwareTable(list))
    })
}

function hardwareTable({ vendors }: VendorList): string {
  const rows = vendors.flatMap(({ name, regions }) =>
    regions.flatMap((region) =>
      region.computes.map((offer) => [
        `${offer.instanceType}/${offer.instanceSize}`,
        `${name}/${region.name}`,
        String(offer.numCpus ?? offer.numAccelerators),
        `${offer.memoryGb} GiB`,
        gpusOf(offer),
        offer.pricePerHour === 0 ? 'free of charge' : `$${offer.pricePerHour}/h`,
        offer.freeReplicas === undefined ? '' : String(offer.freeReplicas),
        offer.status.replaceAll('_', ' '),
        offer.architecture,
      ]),
    ),
  )
  if (rows.length === 0) return 'This installation has no hardware to offer: see `berth doctor`.'
  return table(['INSTANCE', 'WHERE', 'VCPUS', 'MEMORY', 'GPUS', 'PRICE', 'FREE', 'STATUS', 'WHAT'], rows)
}

function gpusOf({ accelerator, numAccelerators, gpuMemoryGb }: ComputeOffer): string {
  if (accelerator === 'cpu') return '-'
  return gpuMemoryGb === null ? String(numAccelerators) : `${numAccelerators}, ${gpuMemoryGb} GiB`
}
