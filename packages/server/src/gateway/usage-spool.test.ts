import { expect, test } from 'vitest'
import type { UsageRecord } from '../domain/usage/usage-record.ts'
import type { UpMessage } from '../link/messages.ts'
import { UsageSpool } from './usage-spool.ts'

type Batch = Extract<UpMessage, { kind: 'usage' }>

const record = (name: string) => ({ requestId: name }) as UsageRecord

function newSpool(usageBatchRecords = 2, usageSpoolRecords = 6) {
  const sent: string[] = []
  const spool = new UsageSpool({ usageBatchRecords, usageSpoolRecords }, ({ sequence, records }: Batch) =>
    sent.push(`${sequence}:${records.map(({ requestId }) => requestId).join('')}`),
  )
  const add = (names: string) => {
    for (const name of names) spool.add(record(name))
  }
  return { spool, add, taken: () => sent.splice(0) }
}

test('records leave in numbered batches, in the order they came', () => {
  const { spool, add, taken } = newSpool()
  add('abc')
  spool.flush()
  expect(taken()).toEqual(['1:ab', '2:c'])
  spool.flush()
  add('d')
  spool.flush()
  expect(taken()).toEqual(['3:d'])
})

test('after a break what was not acknowledged is sent again under its number, then the rest', () => {
  const { spool, add, taken } = newSpool()
  add('abc')
  spool.flush()
  taken()
  spool.acknowledged(1)
  add('d')
  spool.sendAgain()
  expect(taken()).toEqual(['2:c', '3:d'])
})

test('acknowledged once is gone, and acknowledged twice does no harm', () => {
  const { spool, add, taken } = newSpool()
  add('ab')
  spool.flush()
  taken()
  for (const sequence of [1, 1, 99]) spool.acknowledged(sequence)
  spool.sendAgain()
  expect(taken()).toEqual([])
  expect(spool.kept).toBe(0)
})

test('while nobody takes them the oldest are given up, and counted', () => {
  const { spool, add, taken } = newSpool()
  add('ab')
  spool.flush()
  taken()
  add('cdefghij')
  expect(spool.kept).toBeLessThanOrEqual(6)
  expect(spool.kept + spool.dropped).toBe(10)
  spool.sendAgain()
  expect(taken().join()).toMatch(/ij$/)
})

test('memory is bounded whether batches were sent or not', () => {
  const { spool, add, taken } = newSpool(10, 100)
  for (let i = 0; i < 500; i++) {
    add('x')
    if (i % 3 === 0) spool.flush()
    expect(spool.kept).toBeLessThanOrEqual(100)
  }
  expect(spool.dropped).toBe(500 - spool.kept)
  taken()
  spool.sendAgain()
  const held = taken().join('').replaceAll(/[^x]/g, '')
  expect(held).toHaveLength(spool.kept)
})

test('it says when everything is stored', async () => {
  const { spool, add } = newSpool()
  await spool.emptied()
  add('abc')
  spool.flush()
  let isEmpty = false
  const emptied = spool.emptied().then(() => {
    isEmpty = true
  })
  spool.acknowledged(1)
  await Promise.resolve()
  expect(isEmpty).toBe(false)
  spool.acknowledged(2)
  await emptied
})
