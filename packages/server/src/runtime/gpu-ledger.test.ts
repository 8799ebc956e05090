import { expect, test } from 'vitest'
import { GpuLedger } from './gpu-ledger.ts'
import { type GpuMemory, isOccupied, parseGpuMemory, readGpuMemory } from './gpu-memory.ts'

const GIB = 2 ** 30
const machine = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ index, name: 'NVIDIA H200', memoryBytes: 140 * GIB }))
const asking = (gpus: number) => ({
  endpoint: 'acme/chat',
  resources: { cpus: 1, memoryBytes: GIB, gpus },
})

/** A machine whose GPUs hold what the test says, and a runtime that keeps what it was granted. */
function ledgerOf(count: number) {
  const used = new Map<number, number>()
  const held = new Set<number>()
  const ledger = new GpuLedger(
    async (): Promise<readonly GpuMemory[]> =>
      machine(count).map(({ index, memoryBytes }) => ({
        index,
        usedBytes: used.get(index) ?? 0,
        totalBytes: memoryBytes,
      })),
  )
  ledger.join(() => [...held])
  const grant = (gpus: number) =>
    ledger.grant(asking(gpus), machine(count), (indexes) => {
      for (const index of indexes ?? []) held.add(index)
      return indexes
    })
  return { ledger, used, held, grant }
}

test('the lowest GPUs that are free are granted, each once, however many ask at the same moment', async () => {
  const { grant } = ledgerOf(4)
  expect(await Promise.all([grant(1), grant(2), grant(1)])).toEqual([[0], [1, 2], [3]])
  await expect(grant(1)).rejects.toMatchObject({ code: 'unavailable', reason: 'gpu_taken' })
})

test('a GPU is granted again only when its replica is gone and its memory is free', async () => {
  const { grant, held, used } = ledgerOf(1)
  await grant(1)
  used.set(0, 120 * GIB)
  held.delete(0)
  await expect(grant(1)).rejects.toMatchObject({
    code: 'unavailable',
    reason: 'gpu_taken',
    message: expect.stringContaining('GPU 0 still has 120 GiB in use though no replica holds it'),
  })
  used.set(0, 400 * 2 ** 20)
  expect(await grant(1)).toEqual([0])
})

test('a GPU on which somebody else works is passed over', async () => {
  const { grant, used } = ledgerOf(3)
  used.set(0, 60 * GIB)
  expect(await grant(2)).toEqual([1, 2])
})

test('what one runtime holds is not granted to another', async () => {
  const { ledger, grant } = ledgerOf(2)
  ledger.join(async () => [0])
  expect(await grant(1)).toEqual([1])
})

test('nothing is granted while nobody can say who holds what, or what is free', async () => {
  const { ledger, grant } = ledgerOf(2)
  ledger.join(async () => {
    throw new Error('the daemon is away')
  })
  await expect(grant(1)).rejects.toMatchObject({
    reason: 'gpu_taken',
    message: expect.stringContaining('away'),
  })
  const blind = new GpuLedger(() => readGpuMemory('/nowhere/nvidia-smi'))
  const asked = blind.grant(asking(1), machine(1), (indexes) => indexes)
  await expect(asked).rejects.toMatchObject({ code: 'unavailable', reason: 'gpu_taken' })
})

test('who needs none waits for nobody, and is told whether there are any to hide', async () => {
  const blind = new GpuLedger(() => new Promise(() => {}))
  void blind.grant(asking(1), machine(1), () => {}).catch(() => {})
  expect(await blind.grant(asking(0), machine(1), (indexes) => indexes)).toEqual([])
  expect(await blind.grant(asking(0), [], (indexes) => indexes)).toBeNull()
})

test('more than the machine has is refused for good', async () => {
  await expect(ledgerOf(1).grant(2)).rejects.toMatchObject({ code: 'invalid' })
})

test('a grant that fails afterwards is not held, and the next one goes on', async () => {
  const { ledger, grant } = ledgerOf(1)
  const failing = ledger.grant(asking(1), machine(1), () => {
    throw new Error('no such image')
  })
  await expect(failing).rejects.toThrow('no such image')
  expect(await grant(1)).toEqual([0])
})

test('the driver’s words become bytes; a GPU that does not say is left out', () => {
  expect(parseGpuMemory('0, 1024, 81559\n1, [N/A], [N/A]\n\nno devices\n')).toEqual([
    { index: 0, usedBytes: GIB, totalBytes: 81_559 * 2 ** 20 },
  ])
})

test('a desktop and the driver itself do not occupy a GPU, an engine does', () => {
  const of = (usedGib: number, totalGib: number) =>
    isOccupied({ index: 0, usedBytes: usedGib * GIB, totalBytes: totalGib * GIB })
  expect([of(0.6, 8), of(2, 24), of(0.9, 4)]).toEqual([false, false, false])
  expect([of(1.5, 8), of(20, 24), of(72, 80)]).toEqual([true, true, true])
})
