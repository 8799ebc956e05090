import { describe, expect, test } from 'vitest'
import { ToolCallReader } from './tool-calls.ts'

function read(text: string, pieceLength: number) {
  const reader = new ToolCallReader()
  let said = ''
  for (let i = 0; i < text.length; i += pieceLength) said += reader.push(text.slice(i, i + pieceLength))
  const { text: rest, calls } = reader.finish()
  return { said: said + rest, calls: calls.map((call) => call.function) }
}

const oslo = { name: 'weather', arguments: '{"city":"Oslo"}' }
const rome = { name: 'weather', arguments: '{"city":"Rome"}' }
const written = (call: { arguments: string }) =>
  `<tool_call>{"name":"weather","arguments":${call.arguments}}</tool_call>`

describe('ToolCallReader', () => {
  test.for<{ text: string; said: string; calls: readonly object[] }>([
    { text: 'No call at all.', said: 'No call at all.', calls: [] },
    { text: `Let me see. ${written(oslo)}`, said: 'Let me see. ', calls: [oslo] },
    { text: `${written(oslo)}\n${written(rome)}`, said: '', calls: [oslo, rome] },
    { text: '{"name": "weather", "parameters": {"city": "Oslo"}}', said: '', calls: [oslo] },
    { text: '{"city": "Oslo"}', said: '{"city": "Oslo"}', calls: [] },
    { text: 'a < b <tool', said: 'a < b <tool', calls: [] },
    { text: '<tool_call>not JSON</tool_call>', said: '<tool_call>not JSON</tool_call>', calls: [] },
    { text: '  spaces first', said: '  spaces first', calls: [] },
  ])('reads $text the same however it comes', ({ text, said, calls }) => {
    for (const pieceLength of [1, 3, 1000]) expect(read(text, pieceLength)).toEqual({ said, calls })
  })
})
