/**
 * Conversations of several turns against real engines that keep what they have read: how long the first token takes
 * when the gateway chooses by what each replica has read, beside taking turns among them.
 *
 * The engines are Berth's embedded llama.cpp with a model of random weights, whose speed is that of its shape. Both
 * policies are endpoints of one gateway with the same replicas, and their rounds take turns. Each round has
 * conversations of its own, which share only the system prompt, so that nothing is left of the one before.
 */
import path from 'node:path'
import { DEFAULT_ROUTING, type RoutingRules } from '../packages/server/src/domain/routing/choose-replica.ts'
import { Random } from '../packages/simulator/src/random.ts'
import { type ModelShape, writeRandomModel } from '../tools/gguf/random-model.ts'
import { folder, freePorts, LOAD_CORE, listening, startBerth, startOn } from './gateway-proxies.ts'
import { TOKEN } from './gateway-traffic.ts'
import { atMost, median, plain, type Row } from './report.ts'

const ENGINES = 4
/** As many as Berth gives this engine when nothing is asked. */
const SLOTS = 4
const CONVERSATIONS = 2 * ENGINES
const TURNS = 6
const SLOT_TOKENS = 4_096
const ANSWER_TOKENS = 8
const SYSTEM_WORDS = 100
const FIRST_WORDS = 400
const LATER_WORDS = 40
/** Between an answer and the next question: nobody's own, so that turns of conversations do not stay in step. */
const THINK_MS = [300, 900] as const
const SHAPE: ModelShape = {
  ...{ architecture: 'llama', width: 128, layers: 4, heads: 4, kvHeads: 2, feedForward: 384 },
  ...{ contextTokens: SLOT_TOKENS, vocabulary: 1_024, type: 'q8_0' },
}

const POLICIES = {
  'by-prefix': DEFAULT_ROUTING,
  'round-robin': { policy: 'round-robin', room: null },
} as const satisfies Record<string, RoutingRules>
type PolicyName = keyof typeof POLICIES

type Message = { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }
type Turn = { readonly firstTokenMs: number; readonly promptTokens: number; readonly cachedTokens: number }

export async function turns(rounds: number, progress: (line: string) => void): Promise<Row[]> {
  const berth = await startBerth(await startEngines(), { endpoints: POLICIES })
  const seen: Record<PolicyName, Turn[][]> = { 'by-prefix': [], 'round-robin': [] }
  try {
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const policy of Object.keys(POLICIES) as PolicyName[]) {
        const all = await conversations(berth.port, policy, round)
        progress(`  round ${round} of ${rounds}, ${policy}: ${mean(all, 'firstTokenMs').toFixed(0)} ms`)
        if (round > 0) seen[policy].push(all)
      }
    }
  } finally {
    await berth.stop()
  }
  const of = (policy: PolicyName) => seen[policy].map((all) => mean(all, 'firstTokenMs'))
  const cached = (policy: PolicyName) => {
    const all = seen[policy].flat()
    return (100 * mean(all, 'cachedTokens')) / mean(all, 'promptTokens')
  }
  return [
    plain('turns: tokens of a prompt', mean(seen['by-prefix'].flat(), 'promptTokens'), 'tokens'),
    plain('turns: read before, by prefix', cached('by-prefix'), '%'),
    plain('turns: read before, round robin', cached('round-robin'), '%'),
    plain('turns: mean time to the first token, by prefix', median(of('by-prefix')), 'ms'),
    plain('turns: mean time to the first token, round robin', median(of('round-robin')), 'ms'),
    atMost(
      'turns: mean time to the first token, by prefix ÷ round robin',
      median(of('by-prefix').map((ms, round) => ms / of('round-robin')[round]!)),
      '×',
      0.6,
    ),
  ]
}

const mean = (all: readonly Turn[], key: keyof Turn) => all.reduce((sum, it) => sum + it[key], 0) / all.length

async function startEngines(): Promise<number[]> {
  const model = path.join(folder, 'turns.gguf')
  writeRandomModel(model, SHAPE, 'turns', 1)
  const program = path.join(import.meta.dirname, '../packages/llama/src/llama-main.ts')
  const ports = await freePorts(ENGINES)
  for (const port of ports) {
    startOn(
      LOAD_CORE,
      process.execPath,
      [program, '-m', model, '-np', SLOTS, '-c', SLOTS * SLOT_TOKENS, '--port', port].map(String),
      { LLAMA_API_KEY: 'replica-key' },
    )
  }
  for (const port of ports) await listening(port)
  return ports
}

async function conversations(port: number, policy: PolicyName, round: number): Promise<Turn[]> {
  const seed = 2 * round + Number(policy === 'round-robin')
  const all = Array.from({ length: CONVERSATIONS }, (_, number) =>
    conversation(port, policy, new Random(seed * CONVERSATIONS + number)),
  )
  return (await Promise.all(all)).flat()
}

async function conversation(port: number, policy: PolicyName, random: Random): Promise<Turn[]> {
  const messages: Message[] = [{ role: 'system', content: words(SYSTEM_WORDS, new Random(0)) }]
  const seen: Turn[] = []
  for (let turn = 0; turn < TURNS; turn++) {
    const [least, most] = THINK_MS
    await new Promise((resolve) => setTimeout(resolve, random.between(least, most)))
    messages.push({ role: 'user', content: words(turn === 0 ? FIRST_WORDS : LATER_WORDS, random) })
    const { answer, ...measured } = await ask(port, policy, messages)
    messages.push({ role: 'assistant', content: answer })
    seen.push(measured)
  }
  return seen
}

async function ask(
  port: number,
  policy: PolicyName,
  messages: readonly Message[],
): Promise<Turn & { readonly answer: string }> {
  const body = JSON.stringify({
    ...{ messages, stream: true, stream_options: { include_usage: true } },
    ...{ max_tokens: ANSWER_TOKENS, ignore_eos: true, temperature: 0 },
  })
  const sentAt = performance.now()
  const response = await fetch(`http://127.0.0.1:${port}/e/bench/${policy}/v1/chat/completions`, {
    ...{ method: 'POST', body },
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
  })
  if (!response.ok || !response.body) throw new Error(`${response.status}: ${await response.text()}`)
  let firstTokenMs: number | undefined
  let text = ''
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    if (piece.includes('"choices"')) firstTokenMs ??= performance.now() - sentAt
    text += piece
  }
  if (!text.endsWith('data: [DONE]\n\n') || firstTokenMs === undefined) throw new Error(`no answer: ${text}`)
  const events = text
    .split('\n\n')
    .flatMap((event) => (/^data: \{/.test(event) ? [JSON.parse(event.slice(6))] : []))
  const usage = events.findLast((event) => event.usage)?.usage
  return {
    firstTokenMs,
    promptTokens: usage.prompt_tokens,
    cachedTokens: usage.prompt_tokens_details?.cached_tokens ?? 0,
    answer: events.map((event) => event.choices[0]?.delta?.content ?? '').join(''),
  }
}

const WORDS =
  'the of a to in is that it was for on as with be at by this had not are but from or have an they which'

function words(count: number, random: Random): string {
  const all = WORDS.split(' ')
  return Array.from({ length: count }, () => all[Math.floor(random.next() * all.length)]).join(' ')
}
