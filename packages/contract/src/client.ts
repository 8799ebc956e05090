/** The typed client: one method per row of the route table. Works wherever `fetch` does. */
import { type Client, type ClientOptions, clientOver } from './client-over.ts'
import { routes } from './routes.ts'

export function createClient(options: ClientOptions): Client {
  return clientOver(routes, options)
}
