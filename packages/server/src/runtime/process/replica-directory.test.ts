import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { EndpointId, ReplicaId } from '../../domain/replica.ts'
import { ReplicaDirectory, type ReplicaRecord } from './replica-directory.ts'

test('a record is read as it was written', async () => {
  const { directory } = await place()
  await directory.create(record)
  expect(await directory.readRecord()).toEqual(record)
  expect((await readdir(directory.path)).toSorted()).toEqual(['record.json', 'tmp', 'work'])
})

test('a record that is cut off or of another shape is none', async () => {
  const { directory } = await place()
  await directory.create(record)
  for (const text of ['', '{"id": "repl', '[]', 'null', JSON.stringify({ ...record, address: undefined })]) {
    await writeFile(path.join(directory.path, 'record.json'), text)
    expect(await directory.readRecord()).toBeUndefined()
  }
})

test('who saw the end first is believed', async () => {
  const { directory } = await place()
  await directory.create(record)
  const first = { exitedAt: 1, exitCode: 3, reason: 'exited with code 3' }
  expect(await directory.writeExit(first)).toEqual(first)
  expect(await directory.writeExit({ exitedAt: 2, exitCode: null, reason: 'nobody watched' })).toEqual(first)
  expect(await directory.readExit()).toEqual(first)
})

test('an end that is seen after the replica was removed brings nothing back', async () => {
  const { directory } = await place()
  await directory.writeExit({ exitedAt: 1, exitCode: 0, reason: 'exited with code 0' })
  await expect(stat(directory.path)).rejects.toThrow('ENOENT')
})

test('nothing can be reported where a directory was abandoned, and what was reported is kept', async () => {
  const { directory } = await place()
  await directory.create(record)
  await writeFile(directory.selfReportFile(record), '4711 (sh) S')
  const moved = await directory.abandon()
  await expect(writeFile(directory.selfReportFile(record), 'late')).rejects.toThrow('ENOENT')
  expect(await readFile(moved.selfReportFile(record), 'utf8')).toBe('4711 (sh) S')
  expect(await moved.readAllSelfReports(record.bootId)).toEqual(['4711 (sh) S'])
  expect(await moved.readAllSelfReports('another-boot')).toEqual([])
})

const record: ReplicaRecord = {
  id: 'replica-a' as ReplicaId,
  endpointId: 'endpoint-1' as EndpointId,
  endpoint: 'acme/chat',
  revision: 1,
  resources: { cpus: 1, memoryBytes: 2 ** 30, gpus: 0 },
  address: { host: '127.0.0.1', port: 4000 },
  startedAt: 1_000,
  bootId: 'boot',
  launchToken: 'token',
  cgroup: [],
  gpuIndexes: null,
}

async function place() {
  const root = await mkdtemp(path.join(os.tmpdir(), 'berth-directory-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  return { directory: new ReplicaDirectory(root, 'replica-a') }
}
