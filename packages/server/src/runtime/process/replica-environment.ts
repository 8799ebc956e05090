/**
 * What an engine process is given: its command with the places filled in, and an environment made from nothing.
 *
 * Nothing of this process's own environment gets through but PATH and the language: it holds settings and secrets
 * of Berth that are no engine's business.
 */
import os from 'node:os'
import { fillPlaceholders } from '../../domain/launch-plan.ts'
import type { ReplicaSpec } from '../driver.ts'
import type { ReplicaDirectory, ReplicaRecord } from './replica-directory.ts'

/** Engines make Unix sockets in TMPDIR, and the path of one may have about 100 characters. */
const MAX_TMP_PATH_CHARS = 60

type Environment = Readonly<Record<string, string>>

export function searchPathOf(spec: ReplicaSpec): string {
  return spec.env['PATH'] ?? spec.plan.env['PATH'] ?? process.env['PATH'] ?? ''
}

/** Values of the plan may hold placeholders; values of the spec are somebody's own words and stay as they are. */
export function replicaEnvironment(
  spec: ReplicaSpec,
  record: ReplicaRecord,
  directory: ReplicaDirectory,
): Environment {
  const fill = filler(spec, record)
  const planned = Object.entries(spec.plan.env).map(([name, value]) => [name, fill(value)])
  return {
    PATH: searchPathOf(spec),
    HOME: directory.workPath,
    TMPDIR: directory.tmpPath.length <= MAX_TMP_PATH_CHARS ? directory.tmpPath : os.tmpdir(),
    LANG: process.env['LANG'] ?? 'C.UTF-8',
    ...gpuEnvironment(record.gpuIndexes),
    ...Object.fromEntries(planned),
    ...spec.env,
  }
}

export function replicaCommand(spec: ReplicaSpec, record: ReplicaRecord, program: string): readonly string[] {
  return [program, ...spec.plan.command.slice(1).map(filler(spec, record))]
}

function filler(spec: ReplicaSpec, { address }: ReplicaRecord): (text: string) => string {
  return (text) =>
    fillPlaceholders(text, {
      ...address,
      ...(spec.modelPath && { model: spec.modelPath }),
      ...(spec.adapterPaths && { adapters: spec.adapterPaths }),
    })
}

/** In the order of `nvidia-smi`, where the indexes come from. Empty hides all GPUs from a replica without. */
function gpuEnvironment(indexes: readonly number[] | null): Environment {
  if (!indexes) return {}
  return { CUDA_DEVICE_ORDER: 'PCI_BUS_ID', CUDA_VISIBLE_DEVICES: indexes.join(',') }
}
