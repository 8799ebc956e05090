/** An instance type: a priced slice of hardware that a replica runs on. */
import type { Accelerator } from '@berth/contract'

export type InstanceType = {
  /** vendor-region-instanceType-instanceSize */
  readonly id: string
  readonly vendor: string
  readonly region: string
  readonly accelerator: Accelerator
  readonly instanceType: string
  readonly instanceSize: string
  /** For a person, for example "AMD EPYC 9V74". */
  readonly architecture: string
  readonly cpus: number
  readonly memoryBytes: number
  readonly gpus: number
  readonly gpuMemoryBytes: number
  readonly pricePerHour: number
  /** The runtime that carries its replicas out, where an installation has several. */
  readonly runtime?: string | undefined
  /** As the operator says; available when nothing is said. */
  readonly status?: 'available' | 'not_available' | 'reserved' | 'deprecated'
  /** Of the region, for a person. */
  readonly regionLabel?: string | undefined
  /** GPUs, or vCPUs, that one namespace may use. */
  readonly maxAccelerators?: number | undefined
  /** Other names for it: vendor/instanceType/instanceSize. */
  readonly aliases?: readonly string[]
}

/** What one replica may use. CPU is a cap, shared when the machine is full; memory and GPUs are reserved. */
export type Resources = {
  readonly cpus: number
  readonly memoryBytes: number
  readonly gpus: number
}
