/** How many networks wait, and which of them go: on a daemon that has few addresses. */
import type Docker from 'dockerode'
import { expect, test } from 'vitest'
import type { EndpointId } from '../../domain/replica.ts'
import { EndpointNetworks } from './endpoint-networks.ts'

type Labels = Readonly<Record<string, string>>

/** The few calls that networks need, with room for so many of them. */
class SmallDaemon {
  readonly networks = new Map<string, Labels>()
  readonly containers: { readonly Labels: Labels; readonly State: string }[] = []
  readonly #room: number

  constructor(room: number) {
    this.#room = room
  }

  get docker(): Docker {
    const { networks, containers } = this
    const missing = Object.assign(new Error('no such network'), { statusCode: 404 })
    return {
      listContainers: async () => containers,
      listNetworks: async () => [...networks].map(([Name, Labels]) => ({ Name, Labels })),
      getNetwork: (name: string) => ({
        inspect: () => (networks.has(name) ? Promise.resolve({ Id: name }) : Promise.reject(missing)),
        remove: async () => void networks.delete(name),
      }),
      createNetwork: async ({ Name, Labels }: { Name: string; Labels: Labels }) => {
        if (networks.size >= this.#room) {
          const message = 'could not find an available, non-overlapping IPv4 address pool'
          throw Object.assign(new Error(`(HTTP code 500) server error - ${message} `), { statusCode: 500 })
        }
        networks.set(Name, Labels)
        return { id: Name }
      },
    } as unknown as Docker
  }

  networksOf(beforeRemoval?: (endpointId: EndpointId) => Promise<void>): EndpointNetworks {
    return new EndpointNetworks({
      docker: this.docker,
      installationId: 'home',
      kind: 'docker',
      interfaces: '/nowhere',
      ...(beforeRemoval && { beforeRemoval }),
    })
  }
}

const endpoint = (number: number) => `e${number}` as EndpointId
const numbers = (daemon: SmallDaemon) =>
  [...daemon.networks.keys()].map((name) => Number(name.replace('berth-home-e', '')))

/** Starts and stops a replica of each. */
async function useInTurn(networks: EndpointNetworks, endpoints: readonly number[]): Promise<void> {
  for (const number of endpoints) {
    const { release } = await networks.hold(endpoint(number))
    release()
    await networks.rest(endpoint(number))
  }
}

test('eight networks wait, and those that waited longest go', async () => {
  const daemon = new SmallDaemon(30)
  const networks = daemon.networksOf()
  await useInTurn(networks, [1, 2, 3, 4, 5, 6, 7, 8, 1, 9, 10])
  expect(numbers(daemon).toSorted((a, b) => a - b)).toEqual([1, 4, 5, 6, 7, 8, 9, 10])
})

test('networks that wait make room for one that is needed, and those in use stay', async () => {
  const daemon = new SmallDaemon(3)
  const networks = daemon.networksOf()
  await useInTurn(networks, [1, 2])
  daemon.containers.push({ Labels: { 'berth.endpoint-id': endpoint(2) }, State: 'exited' })
  await networks.hold(endpoint(3))
  await networks.hold(endpoint(4))
  expect(numbers(daemon)).toEqual([2, 3, 4])
  await expect(networks.hold(endpoint(5))).rejects.toThrow('address pool')
})

test('a container that was never started does not keep its network, and goes before it', async () => {
  const daemon = new SmallDaemon(2)
  const gone: EndpointId[] = []
  const networks = daemon.networksOf(async (endpointId) => {
    expect(numbers(daemon)).toContain(Number(endpointId.slice(1)))
    gone.push(endpointId)
  })
  await useInTurn(networks, [1])
  daemon.containers.push({ Labels: { 'berth.endpoint-id': endpoint(1) }, State: 'created' })
  await networks.hold(endpoint(2))
  await networks.hold(endpoint(3))
  expect(gone).toEqual([endpoint(1)])
  expect(numbers(daemon)).toEqual([2, 3])
})

test('a network is not removed under a start that failed beside it, nor under one that holds it', async () => {
  const daemon = new SmallDaemon(30)
  const networks = daemon.networksOf()
  const [first, second] = [await networks.hold(endpoint(1)), await networks.hold(endpoint(1))]
  first.release()
  await networks.keepOnly(new Set())
  expect(numbers(daemon)).toEqual([1])
  second.release()
  await networks.keepOnly(new Set())
  expect(numbers(daemon)).toEqual([])
})
