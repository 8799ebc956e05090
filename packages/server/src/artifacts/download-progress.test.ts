import { expect, test } from 'vitest'
import { ProgressMeter } from './download-progress.ts'

test('no rate and no end are known before something came', () => {
  const meter = new ProgressMeter(1_000, 0)
  expect(meter.read(0, 0, 250)).toEqual({
    bytesDone: 0,
    bytesTotal: 1_000,
    bytesPerSecond: 0,
    etaMs: undefined,
  })
})

test('a steady download is as fast as it is, and the end follows from that', () => {
  const meter = new ProgressMeter(10_000, 0)
  for (let now = 250; now < 2_000; now += 250) meter.read(now, now, now)
  expect(meter.read(2_000, 2_000, 2_000)).toEqual({
    bytesDone: 2_000,
    bytesTotal: 10_000,
    bytesPerSecond: 1_000,
    etaMs: 8_000,
  })
})

test('a moment of silence lowers the rate and does not end it', () => {
  const meter = new ProgressMeter(10_000, 0)
  meter.read(1_000, 1_000, 1_000)
  const { bytesPerSecond } = meter.read(1_000, 1_000, 2_000)
  expect(bytesPerSecond).toBeGreaterThan(500)
  expect(bytesPerSecond).toBeLessThan(1_000)
})

test('content that was already here is done and says nothing about the rate', () => {
  const meter = new ProgressMeter(10_000, 0)
  expect(meter.read(9_000, 0, 1_000)).toMatchObject({ bytesDone: 9_000, bytesPerSecond: 0, etaMs: undefined })
  expect(meter.read(9_100, 100, 2_000)).toMatchObject({ bytesPerSecond: 100, etaMs: 9_000 })
})

test('two reads in one moment do not divide by nothing', () => {
  const meter = new ProgressMeter(100, 0)
  expect(meter.read(50, 50, 0)).toMatchObject({ bytesPerSecond: 0, etaMs: undefined })
  expect(meter.read(100, 100, 1_000)).toMatchObject({ bytesPerSecond: 100, etaMs: 0 })
})
