import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import os from 'node:os'
import path from 'node:path'
import Docker from 'dockerode'
import { expect, onTestFinished, test } from 'vitest'
import type { ReplicaId } from '../../domain/replica.ts'
import { systemClock } from '../../platform/clock.ts'
import { silentLog } from '../../platform/log.ts'
import { ContainerLogs } from './container-logs.ts'

const REPLICA = 'replica-a' as ReplicaId
const options = { follow: true, signal: new AbortController().signal }

test.for([
  [404, 'No such container: replica-a'],
  [409, 'can not get logs from container which is dead or marked for removal'],
] as const)(
  'a follower of a container that is being removed has read its log (%i)',
  async ([status, message]) => {
    const logs = await logsOf((answer) => answer.writeHead(status).end(JSON.stringify({ message })))
    expect(await Array.fromAsync(logs.lines(REPLICA, 'container-a', options))).toEqual([])
  },
)

test('a log that the daemon cannot read is no log that ended', async () => {
  const logs = await logsOf((answer) => answer.writeHead(500).end('{"message":"no space left on device"}'))
  const lines = Array.fromAsync(logs.lines(REPLICA, 'container-a', options))
  await expect(lines).rejects.toThrow('no space left')
})

/** Of a daemon that has one container, which ended, and answers so when it is asked for its log. */
async function logsOf(answerLogs: (answer: ServerResponse) => void): Promise<ContainerLogs> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'berth-logs-'))
  const socketPath = path.join(directory, 'docker.sock')
  const server = createServer(({ url }, answer) => {
    if (url?.includes('/logs')) answerLogs(answer)
    else answer.setHeader('content-type', 'application/json').end('{"State":{"Running":false}}')
  }).listen(socketPath)
  await once(server, 'listening')
  onTestFinished(async () => {
    server.close()
    await rm(directory, { recursive: true, force: true })
  })
  const docker = new Docker({ socketPath })
  return new ContainerLogs({
    docker,
    kind: 'docker',
    logDirectory: directory,
    clock: systemClock,
    log: silentLog,
  })
}
