/** Try the endpoint: in the form that fits its task, or with any request. */
import { type ComponentType, useState } from 'react'
import { Segmented } from '../../design/tabs.tsx'
import { useEndpoint } from './endpoint-context.ts'
import { ChatForm } from './playground/chat-form.tsx'
import { ClassifyForm } from './playground/classify-form.tsx'
import { EmbeddingsForm } from './playground/embeddings-form.tsx'
import { KIND_LABELS, kindOf, type PlaygroundKind, playgroundKinds } from './playground/playground-kind.ts'
import { RequestForm } from './playground/request-form.tsx'
import { RerankForm } from './playground/rerank-form.tsx'

const FORMS: Readonly<Record<PlaygroundKind, ComponentType>> = {
  chat: ChatForm,
  embeddings: EmbeddingsForm,
  rerank: RerankForm,
  classify: ClassifyForm,
  request: RequestForm,
}

export function PlaygroundTab() {
  const endpoint = useEndpoint()
  const [kind, setKind] = useState(() => kindOf(endpoint))
  const Form = FORMS[kind]
  return (
    <div className="flex flex-col gap-4">
      <div className="overflow-x-auto">
        <Segmented
          label="What is asked for"
          value={kind}
          choices={playgroundKinds.map((value) => ({ value, label: KIND_LABELS[value] }))}
          onValue={setKind}
        />
      </div>
      <Form />
    </div>
  )
}
