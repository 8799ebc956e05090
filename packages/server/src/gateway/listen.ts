/** How a gateway comes by the socket that it listens on. */
import { type AddressInfo, createServer, type ListenOptions, type Server } from 'node:net'

/**
 * `own`: nobody else may listen there. `shared`: the first of several. `joined`: one more of them, each with a socket
 * and a queue of its own, among which the kernel spreads connections. `inherit`: asks the worker that this one follows
 * for its socket, with what waits in its queue. Node accepts from it at once, so it is asked for when all is ready, and
 * taken over before anything else happens.
 */
export type ListenPlace = 'own' | 'shared' | 'joined' | { readonly inherit: () => Promise<Server> }

type Address = { readonly host: string; readonly port: number }

/** @returns the port. @throws the listening error, as Node words it. */
export async function listen(server: Server, address: Address, place: ListenPlace): Promise<number> {
  switch (place) {
    case 'own':
      return portOf(await listening(server, address))
    case 'shared': {
      // Sharing would let anybody of this user in, another Berth too: whether the address is free is asked first.
      const probe = await listening(createServer(), address)
      const port = portOf(probe)
      await new Promise((resolve) => probe.close(resolve))
      return portOf(await listening(server, { ...address, port, reusePort: true }))
    }
    case 'joined':
      return portOf(await listening(server, { ...address, reusePort: true }))
    default: {
      const inherited = await place.inherit()
      await new Promise<void>((resolve) => server.listen(inherited, resolve))
      return address.port
    }
  }
}

function listening(server: Server, options: ListenOptions): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

const portOf = (server: Server) => (server.address() as AddressInfo).port
