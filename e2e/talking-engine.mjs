/**
 * An engine that prints what it is told to: each line of the last user message, word for word. It is started as a
 * llama-server is, and says so.
 *
 *     node talking-engine.mjs --version
 *     node talking-engine.mjs --host H --port P
 */
import { createServer } from 'node:http'

if (process.argv.includes('--version')) {
  process.stdout.write('version: 1 (of a test)\n')
  process.exit(0)
}

const flag = (name) => process.argv[process.argv.indexOf(`--${name}`) + 1]

const server = createServer(async (request, response) => {
  if (request.method === 'GET') return response.end('{"status":"ok"}')
  let body = ''
  for await (const chunk of request) body += chunk
  const { messages } = JSON.parse(body)
  const { content } = messages.at(-1)
  process.stdout.write(`${content}\n`)
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify({
      object: 'chat.completion',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'said' } }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    }),
  )
})
server.listen(Number(flag('port')), flag('host'), () => process.stdout.write('INFO talking\n'))
process.on('SIGTERM', () => process.exit(0))
