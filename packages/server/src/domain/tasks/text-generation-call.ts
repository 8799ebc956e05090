/** `text_generation` of the Hugging Face clients, in TGI's words, on an engine that has `/v1/completions`. */

import {
  asObject,
  booleanIn,
  invalid,
  isSet,
  type Json,
  numberIn,
  refuseUnknown,
  textsIn,
  unexpectedAnswer,
} from './task-parameters.ts'
import type { OpenaiEngine, TaskRoute } from './task-route.ts'
import { finishReasonOf, startTokenStream } from './token-stream.ts'

const PATH = '/v1/completions'
/** TGI's own, where OpenAI's route would stop after 16 tokens or never. */
const DEFAULT_NEW_TOKENS = 100

/** One parameter is called differently by each engine, and one is known to a single one. */
const REPETITION: Readonly<Record<OpenaiEngine, string>> = {
  vllm: 'repetition_penalty',
  sglang: 'repetition_penalty',
  llamacpp: 'repeat_penalty',
}
const KNOWN = [
  ...['max_new_tokens', 'do_sample', 'temperature', 'top_k', 'top_p', 'seed', 'stop', 'stop_sequences'],
  ...['repetition_penalty', 'frequency_penalty', 'return_full_text', 'details', 'best_of'],
]

export function textGenerationCall(
  { engine, servedName }: { readonly engine: OpenaiEngine; readonly servedName: string },
  call: Json,
  prompt: string,
): TaskRoute {
  const parameters = asObject(call['parameters']) ?? {}
  const known = engine === 'vllm' ? [...KNOWN, 'truncate'] : KNOWN
  refuseUnknown(parameters, known, { engine, path: PATH })
  if ((numberIn(parameters, 'best_of') ?? 1) !== 1) {
    throw invalid('best_of', 'The parameter "best_of" can only be 1 here: leave it out.')
  }
  const prefix = booleanIn(parameters, 'return_full_text') ? prompt : ''
  const details = booleanIn(parameters, 'details') ?? false
  const isStreamed = call['stream'] === true
  return {
    path: PATH,
    body: {
      model: servedName,
      prompt,
      max_tokens: numberIn(parameters, 'max_new_tokens') ?? DEFAULT_NEW_TOKENS,
      ...sampling(engine, parameters),
      ...(isStreamed ? { stream: true, stream_options: { include_usage: true } } : {}),
    },
    answer: (response) => generationAnswer(response, { prefix, details }),
    stream: isStreamed ? () => startTokenStream({ prefix, details }) : undefined,
  }
}

function sampling(engine: OpenaiEngine, parameters: Json): Json {
  const stop = [...(textsIn(parameters, 'stop') ?? []), ...(textsIn(parameters, 'stop_sequences') ?? [])]
  return withoutUnset({
    temperature: temperatureOf(parameters),
    top_k: numberIn(parameters, 'top_k'),
    top_p: numberIn(parameters, 'top_p'),
    seed: numberIn(parameters, 'seed'),
    stop: stop.length > 0 ? stop : undefined,
    frequency_penalty: numberIn(parameters, 'frequency_penalty'),
    [REPETITION[engine]]: numberIn(parameters, 'repetition_penalty'),
    truncate_prompt_tokens: numberIn(parameters, 'truncate'),
  })
}

/** TGI takes the likeliest token unless something asks for chance; OpenAI's routes roll the dice unless told not to. */
function temperatureOf(parameters: Json): number | undefined {
  const asked = numberIn(parameters, 'temperature')
  if (asked !== undefined) return asked
  const wantsChance =
    booleanIn(parameters, 'do_sample') === true || isSet(parameters['top_k']) || isSet(parameters['top_p'])
  return wantsChance ? undefined : 0
}

function generationAnswer(
  response: unknown,
  { prefix, details }: { readonly prefix: string; readonly details: boolean },
): unknown {
  const answer = asObject(response)
  const choices = answer?.['choices']
  const choice = Array.isArray(choices) ? asObject(choices[0]) : undefined
  const text = choice?.['text']
  if (!choice || typeof text !== 'string') throw unexpectedAnswer(PATH, 'choices[0].text')
  const generated_text = prefix + text
  if (!details) return [{ generated_text }]
  return [
    {
      generated_text,
      details: {
        finish_reason: finishReasonOf(choice),
        generated_tokens: asObject(answer?.['usage'])?.['completion_tokens'] ?? 0,
        seed: null,
        // OpenAI's route does not tell tokens apart.
        prefill: [],
        tokens: [],
      },
    },
  ]
}

function withoutUnset(body: Json): Json {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined))
}
