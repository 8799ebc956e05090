/** The hardware one can choose: vendors, regions, instance types, and how much of it is taken. */
import { z } from 'zod'

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
  status: z.enum(['available', 'low_availability', 'not_available', 'reserved', 'deprecated']),
  quota: z.object({ maxAccelerators: z.int(), usedAccelerators: z.int() }),
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
