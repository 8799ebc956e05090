/**
 * Prepares the replica that an endpoint will need when it wakes.
 *
 * While an endpoint sleeps nobody waits, so what a wake would begin with is done now, where the runtime can. Only for a
 * revision that was ready before and whose files are here: nothing is fetched for an endpoint that may never wake.
 */
import { endpointKey } from '../domain/endpoint.ts'
import { messageOf } from '../domain/errors.ts'
import type { Facts } from './endpoint-facts.ts'
import type { EndpointMemory } from './endpoint-memory.ts'
import type { LookTools } from './look-tools.ts'
import { placeOf, replicaSpec } from './start-replica.ts'

export async function prepareNext(facts: Facts, memory: EndpointMemory, tools: LookTools): Promise<void> {
  const { endpoint, aim } = facts
  try {
    if (memory.next && (endpoint.paused || memory.next.revision !== aim.number)) await forgo(memory, tools)
    if (memory.next || !isAsleep(facts) || memory.lastReadyRevision !== aim.number) return
    await prepare(facts, memory, tools)
  } catch (error) {
    // A wake without it takes a little longer.
    const { log } = tools.rooms
    log.warn('could not prepare for a wake', { endpoint: endpointKey(endpoint), error: messageOf(error) })
  }
}

const isAsleep = ({ endpoint, wanted, running }: Facts): boolean =>
  wanted === 0 && !endpoint.paused && running.length === 0

async function prepare({ endpoint, aim }: Facts, memory: EndpointMemory, tools: LookTools): Promise<void> {
  const { rooms, fetches } = tools
  const held = fetches.held(endpoint.id, aim.number)
  if (!held) return
  const { instanceTypes } = await rooms.driver.capacity()
  const { path: modelPath, adapterPaths } = held
  const files = { modelPath, ...(adapterPaths && { adapterPaths }) }
  const spec = await replicaSpec(rooms, endpoint, aim, { ...placeOf(aim, instanceTypes), ...files })
  memory.next = { id: spec.id, revision: aim.number }
  await rooms.driver.prepare(spec)
}

async function forgo(memory: EndpointMemory, { rooms }: LookTools): Promise<void> {
  const { next } = memory
  memory.next = undefined
  if (next) await rooms.driver.stop(next.id, { graceMs: 0 })
}
