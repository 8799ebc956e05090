#!/usr/bin/env node
/**
 * A whole router to the contract of Hugging Face's custom routers: sends requests to the backends in turn. It adds a
 * header that says so, and how many backends it knows.
 */
import http from 'node:http'

const SET_BACKENDS = '/_custom_router/set-backends'
const { CUSTOM_ROUTER_HOST = '0.0.0.0', CUSTOM_ROUTER_PORT = '3000', CUSTOM_ROUTER_KEY } = process.env
let backends = []
let turn = 0

const server = http.createServer((request, response) => {
  if (request.url === '/_custom_router/health') response.end('{"ok":true}')
  else if (request.url === SET_BACKENDS) setBackends(request, response)
  else route(request, response)
})

function setBackends(request, response) {
  if (request.headers.authorization !== `Bearer ${CUSTOM_ROUTER_KEY}`) {
    response.writeHead(401).end()
    return
  }
  let text = ''
  request.setEncoding('utf8')
  request.on('data', (chunk) => {
    text += chunk
  })
  request.on('end', () => {
    backends = JSON.parse(text).backends
    console.log(`round robin over ${backends.length} backends`)
    response.end('{"ok":true}')
  })
}

function route(request, response) {
  const backend = backends[turn++ % Math.max(1, backends.length)]
  if (!backend) {
    response.writeHead(502).end('no backend')
    return
  }
  const { hostname, port } = new URL(backend)
  const { method, url: path, headers } = request
  const onwards = http.request({ host: hostname, port, method, path, headers })
  onwards.on('response', (answer) => {
    const marks = ['x-round-robin', String(backends.length)]
    response.writeHead(answer.statusCode, [...answer.rawHeaders, ...marks])
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  onwards.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
  response.on('close', () => onwards.destroy())
  request.pipe(onwards)
}

process.on('SIGTERM', () => process.exit())
server.listen(Number(CUSTOM_ROUTER_PORT), CUSTOM_ROUTER_HOST, () => console.log('round robin listens'))
