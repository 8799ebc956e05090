import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { Exchange } from './exchange.ts'

const server = createServer()
afterEach(() => server.close())

test('an answer to a client that left goes nowhere and hurts nobody', async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
  const exchange = new Exchange(response)
  exchange.sendEvent({ first: true })
  expect(exchange.signal.aborted).toBe(false)

  const closed = once(response, 'close')
  client.destroy()
  await closed
  expect(exchange.signal.aborted).toBe(true)
  exchange.sendEvent({ second: true })
  exchange.endEvents()
})

test('a complete answer is no departure', async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const answer = fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
  const exchange = new Exchange(response)
  const closed = once(response, 'close')
  exchange.sendJson(200, { done: true })
  expect(await (await answer).json()).toEqual({ done: true })
  await closed
  expect(exchange.signal.aborted).toBe(false)
})
