/** The hardware one can choose: vendors, regions, instance types, and how much of it is taken. */
import { z } from 'zod'

export const computeStatuses = [
  'available',
  'low_availability',
  'not_available',
  'reserved',
  'deprecated',
] as const

const Name = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9-]{0,60}[a-z0-9])?$/, 'must be lower-case letters, digits and hyphens')

/** One entry of `hardware.json`: a slice of hardware, its name and its price. */
export const HardwareType = z.strictObject({
  vendor: Name.meta({ description: 'As endpoints write it in provider.vendor.' }),
  region: Name,
  regionLabel: z.string().min(1).max(60).optional().meta({ description: 'The region for a person.' }),
  instanceType: Name.meta({ description: 'For example "nvidia-l4".' }),
  instanceSize: Name.meta({ description: 'For example "x1".' }),
  architecture: z.string().min(1).max(100).meta({ description: 'For a person: "NVIDIA L4".' }),
  vcpus: z.number().positive().max(4_096).meta({ description: 'A cap; shared when the machine is full.' }),
  memoryGb: z.number().positive().max(65_536).meta({ description: 'GiB, reserved.' }),
  gpus: z
    .strictObject({
      count: z.int().min(1).max(64),
      memoryGb: z.number().positive().max(4_096).meta({ description: 'GiB of each.' }),
    })
    .optional()
    .meta({ description: 'Reserved; without it, a CPU type.' }),
  pricePerHour: z.number().min(0).max(10_000).default(0).meta({ description: 'USD per replica.' }),
  runtime: z.enum(['process', 'docker']).optional().meta({
    description: 'What runs its replicas, one of those that Berth was started with; their first when absent.',
  }),
  status: z
    .enum(['available', 'not_available', 'reserved', 'deprecated'])
    .default('available')
    .meta({ description: 'not_available takes no new endpoint; deprecated still does.' }),
  maxAccelerators: z.int().min(0).optional().meta({
    description: 'GPUs, or vCPUs, of this type that one namespace may use; what the machine has when absent.',
  }),
  aliases: z.array(z.string().min(1).max(200)).max(20).default([]).meta({
    description: 'Other names that are taken for it, as "vendor/instanceType/instanceSize".',
  }),
})
export type HardwareType = z.infer<typeof HardwareType>

/** `hardware.json` in the data directory. */
export const HardwareFile = z.strictObject({
  instanceTypes: z.array(HardwareType).max(500),
  includeMachine: z
    .boolean()
    .default(false)
    .meta({ description: 'Whether the sizes into which the machine is cut by itself are offered too.' }),
})
export type HardwareFile = z.infer<typeof HardwareFile>

/** vendor-region-instanceType-instanceSize, as endpoints show it in compute.id. */
export const hardwareId = ({
  vendor,
  region,
  instanceType,
  instanceSize,
}: Pick<HardwareType, 'vendor' | 'region' | 'instanceType' | 'instanceSize'>): string =>
  `${vendor}-${region}-${instanceType}-${instanceSize}`

export const HardwarePath = z.strictObject({
  id: z.string().min(1).max(250).meta({ description: 'vendor-region-instanceType-instanceSize' }),
})

export const ComputeOffer = z.object({
  id: z.string(),
  accelerator: z.enum(['cpu', 'gpu', 'neuron']),
  instanceType: z.string(),
  instanceSize: z.string(),
  architecture: z.string(),
  numAccelerators: z.int().meta({ description: 'GPUs, or vCPUs for CPU types.' }),
  numCpus: z.int().optional(),
  memoryGb: z.number(),
  gpuMemoryGb: z.number().nullable(),
  pricePerHour: z.number().meta({ description: 'USD per replica.' }),
  status: z.enum(computeStatuses),
  quota: z.object({ maxAccelerators: z.int(), usedAccelerators: z.int() }),
  freeReplicas: z
    .int()
    .optional()
    .meta({ description: 'Berth addition: how many more replicas of it could start now.' }),
})
export type ComputeOffer = z.infer<typeof ComputeOffer>

export const VendorList = z.object({
  vendors: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      regions: z.array(
        z.object({
          name: z.string(),
          label: z.string(),
          status: z.string(),
          computes: z.array(ComputeOffer),
        }),
      ),
    }),
  ),
})
export type VendorList = z.infer<typeof VendorList>

export const QuotaList = z.object({
  vendors: z.array(
    z.object({
      name: z.string(),
      quotas: z.array(
        z.object({
          architecture: z.string(),
          instanceType: z.string(),
          maxAccelerators: z.int(),
          usedAccelerators: z.int(),
        }),
      ),
    }),
  ),
})
export type QuotaList = z.infer<typeof QuotaList>
