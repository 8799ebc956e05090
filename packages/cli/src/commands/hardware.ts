/** `berth hardware`: what a replica can run on, what it costs, and how much of it is free; and what is offered. */
import { type ComputeOffer, hardwareId, type VendorList } from '@berth/contract'
import type { Command } from 'commander'
import { withNamespace } from '../command-options.ts'
import { type HardwareFlags, hardwareFrom } from '../hardware-flags.ts'
import { openSession } from '../session.ts'
import { table } from '../table.ts'

export function addHardware(program: Command): void {
  const hardware = withNamespace(program.command('hardware'))
    .description('list the hardware that a replica can run on; add and remove instance types')
    .action(async (_flags: unknown, command: Command) => {
      const session = await openSession(command)
      const params = { namespace: await session.namespace() }
      const list = await session.client.listVendorsForNamespace({ params })
      session.printer.result(list, () => hardwareTable(list))
    })

  hardware
    .command('add')
    .description('offer an instance type, or change one that was added (needs the administrator’s token)')
    .argument('[type/size]', 'for example nvidia-l4/x1')
    .option('--file <json>', 'all of it from a file, as an entry of hardware.json')
    .option('--vendor <name>', 'as endpoints write it (default local)')
    .option('--region <name>', 'as endpoints write it (default default)')
    .option('--vcpus <n>', 'a cap; shared when the machine is full')
    .option('--memory-gb <n>', 'GiB, reserved')
    .option('--gpus <n>', 'reserved; 1 when only their memory is given')
    .option('--gpu-memory-gb <n>', 'GiB of each GPU')
    .option('--architecture <text>', 'for a person: "NVIDIA L4"')
    .option('--price <usd>', 'for a replica and hour (default 0)')
    .option('--runtime <name>', 'process or docker, where Berth serves both')
    .option('--status <status>', 'available, not_available, reserved or deprecated')
    .option('--max-accelerators <n>', 'GPUs, or vCPUs, that one namespace may use')
    .option('--alias <vendor/type/size>', 'another name that is taken for it; again for more', collected)
    .action(async (name: string | undefined, flags: HardwareFlags, command: Command) => {
      const body = await hardwareFrom(name, flags)
      const session = await openSession(command)
      const id = hardwareId(body)
      await session.client.putHardware({ params: { id }, body })
      session.printer.result(body, () => `Offered: ${id}.`)
    })

  hardware
    .command('remove')
    .description('take back an instance type that no endpoint uses (needs the administrator’s token)')
    .argument('<id>', 'vendor-region-type-size, as it was added')
    .action(async (id: string, _flags: unknown, command: Command) => {
      const session = await openSession(command)
      await session.client.removeHardware({ params: { id } })
      session.printer.result({ removed: id }, () => `Not offered any more: ${id}.`)
    })
}

const collected = (value: string, before: readonly string[] = []): string[] => [...before, value]

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
