/** `@fastify/http-proxy` as a gateway in front of one engine: checks a token, passes on. */
import proxy from '@fastify/http-proxy'
import Fastify from 'fastify'

const [port, upstream, token] = process.argv.slice(2)
const app = Fastify({ bodyLimit: 16 * 1024 * 1024 })
await app.register(proxy, {
  upstream,
  prefix: '/e/bench/m1',
  preHandler: (request, reply, done) => {
    if (request.headers.authorization === `Bearer ${token}`) done()
    else reply.code(401).send({ error: 'unauthorized' })
  },
})
await app.listen({ host: '127.0.0.1', port: Number(port) })
