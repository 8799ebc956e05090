import { expect, test } from 'vitest'
import { taskFromConfig, taskFromGguf } from './infer-task.ts'

test.for<[architecture: string, more: object, task: string | undefined]>([
  ['LlamaForCausalLM', {}, 'text-generation'],
  ['GPT2LMHeadModel', {}, 'text-generation'],
  ['BertForSequenceClassification', { id2label: { 0: 'bad', 1: 'good' } }, 'text-classification'],
  ['BertForSequenceClassification', { id2label: { 0: 'LABEL_0' } }, 'text-ranking'],
  ['XLMRobertaForSequenceClassification', { num_labels: 1 }, 'text-ranking'],
  ['BertForTokenClassification', {}, 'token-classification'],
  ['BertForMaskedLM', {}, 'fill-mask'],
  ['BertModel', {}, 'feature-extraction'],
  ['T5ForConditionalGeneration', {}, 'text2text-generation'],
  ['WhisperForConditionalGeneration', {}, 'automatic-speech-recognition'],
  ['Gemma3ForConditionalGeneration', { vision_config: {} }, 'image-text-to-text'],
  ['ViTForImageClassification', {}, 'image-classification'],
  ['CLIPModel', { vision_config: {} }, undefined],
  ['SomethingElse', {}, undefined],
])('%s %j is for %s', ([architecture, more, task]) => {
  expect(taskFromConfig({ architectures: [architecture], ...more })).toBe(task)
})

test.for<[metadata: object, task: string | undefined]>([
  [{ 'general.architecture': 'llama' }, 'text-generation'],
  [{ 'general.architecture': 'nomic-bert' }, 'feature-extraction'],
  [{ 'general.architecture': 'gemma', 'gemma.attention.causal': false }, 'feature-extraction'],
  [{ 'general.architecture': 'bert', 'bert.pooling_type': 4 }, 'text-ranking'],
  [{}, undefined],
])('a GGUF file with %j is for %s', ([metadata, task]) => {
  expect(taskFromGguf(metadata)).toBe(task)
})

test('what is no description says nothing', () => {
  for (const nothing of [undefined, null, 'text', [], { architectures: 'x' }, { architectures: [1] }]) {
    expect(taskFromConfig(nothing)).toBeUndefined()
    expect(taskFromGguf(nothing)).toBeUndefined()
  }
})
