/** The installation itself: its status, and the description of this API. */
import { openApiDocument } from '@berth/contract'
import type { FastifyInstance } from 'fastify'
import type { Handlers } from './route-binding.ts'
import type { ApiServices } from './services.ts'

export function systemHandlers(services: Pick<ApiServices, 'system'>): Pick<Handlers, 'systemStatus'> {
  return { systemStatus: () => services.system() }
}

/** Public, as the hardware list is: it holds nothing of this installation but its address. */
export function bindOpenApi(app: FastifyInstance, version: string, publicUrl: () => string): void {
  let made: { readonly serverUrl: string; readonly text: string } | undefined
  for (const url of ['/openapi.json', '/v2/openapi.json']) {
    app.get(url, async (_request, reply) => {
      const serverUrl = publicUrl()
      if (made?.serverUrl !== serverUrl) {
        made = { serverUrl, text: JSON.stringify(openApiDocument({ version, serverUrl })) }
      }
      return reply.type('application/json; charset=utf-8').header('cache-control', 'no-cache').send(made.text)
    })
  }
}
