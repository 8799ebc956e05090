/** The engines as people know them, in the order in which they are offered. */
import type { ImageVariant } from '@berth/contract'

const ENGINE_NAMES: Readonly<Record<ImageVariant, string>> = {
  huggingface: 'Chosen by Berth',
  llamacpp: 'llama.cpp',
  vLLM: 'vLLM',
  sGLang: 'SGLang',
  tgi: 'Text Generation Inference',
  tei: 'Text Embeddings Inference',
  hfServe: 'Transformers serve',
  custom: 'A container of your own',
  huggingfaceNeuron: 'Toolkit on Neuron',
  vLLMNeuron: 'vLLM on Neuron',
  vLLMOmni: 'vLLM Omni',
  tgiNeuron: 'TGI on Neuron',
  echo: 'Echo, for rehearsals',
}

export const ENGINE_CHOICES = (Object.entries(ENGINE_NAMES) as [ImageVariant, string][]).map(
  ([value, label]) => ({ value, label }),
)
