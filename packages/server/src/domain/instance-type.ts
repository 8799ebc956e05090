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
}

/** What one replica may use. CPU is a cap, shared when the machine is full; memory and GPUs are reserved. */
export type Resources = {
  readonly cpus: number
  readonly memoryBytes: number
  readonly gpus: number
}
