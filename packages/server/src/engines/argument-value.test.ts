import { expect, test } from 'vitest'
import { argumentValue, tokensIn } from './argument-value.ts'

test.for<[args: string[], value: string | undefined]>([
  [['--max-model-len', '4096'], '4096'],
  [['--max_model_len=4096'], '4096'],
  [['--max-model-len', '1', '--max-model-len', '2'], '2'],
  [['--other', '4096'], undefined],
  [['--max-model-len'], undefined],
  [[], undefined],
])('in %j the flag is %s', ([args, value]) => {
  expect(argumentValue(args, ['--max-model-len'])).toBe(value)
})

test.for<[text: string | undefined, tokens: number | undefined]>([
  ['4096', 4_096],
  ['32k', 32_000],
  ['32K', 32_768],
  ['1.5k', 1_500],
  ['0', undefined],
  ['auto', undefined],
  [undefined, undefined],
])('%s is %s tokens', ([text, tokens]) => {
  expect(tokensIn(text)).toBe(tokens)
})
