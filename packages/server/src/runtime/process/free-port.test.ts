import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { FreePorts } from './free-port.ts'

test('no port is handed out twice while it may still be waiting for its engine', async () => {
  const ports = new FreePorts()
  const handedOut = await Promise.all(Array.from({ length: 100 }, () => ports.next('127.0.0.1', new Set())))
  expect(new Set(handedOut).size).toBe(100)
})

test('a port can be listened on', async () => {
  const port = await new FreePorts().next('127.0.0.1', new Set())
  const server = createServer()
  await new Promise((resolve, reject) =>
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(port)),
  )
  await new Promise((resolve) => server.close(resolve))
})

test('a machine without a fresh port says so', async () => {
  const everyPort = new Set(Array.from({ length: 65_536 }, (_, port) => port))
  await expect(new FreePorts().next('127.0.0.1', everyPort)).rejects.toMatchObject({ code: 'unavailable' })
})
