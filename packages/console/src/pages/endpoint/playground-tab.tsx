/** Any request to the endpoint, and its answer as it comes. */
import { useState } from 'react'
import { send } from '../../api/client.ts'
import { Button } from '../../design/button.tsx'
import { Card } from '../../design/card.tsx'
import { Field, Input, Textarea } from '../../design/field.tsx'
import { sentenceOf } from '../../text/sentence-of.ts'
import { useEndpoint } from './endpoint-context.ts'

const FIRST_BODY = JSON.stringify({ messages: [{ role: 'user', content: 'Hello' }], stream: true }, null, 2)

export function PlaygroundTab() {
  const { namespace, name } = useEndpoint()
  const [path, setPath] = useState('/v1/chat/completions')
  const [body, setBody] = useState(FIRST_BODY)
  const [answer, setAnswer] = useState('')
  const [busy, setBusy] = useState(false)

  const ask = async () => {
    setBusy(true)
    setAnswer('')
    try {
      const response = await send(`/e/${namespace}/${name}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      const pieces = response.body?.pipeThrough(new TextDecoderStream())
      for await (const piece of pieces ?? []) setAnswer((before) => before + piece)
    } catch (error) {
      setAnswer(sentenceOf(error))
    } finally {
      setBusy(false)
    }
  }

  return (
    <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
      <Card title="Request" bodyClassName="flex flex-col gap-3 p-4">
        <Field label="Path">
          <Input value={path} onValue={setPath} mono />
        </Field>
        <Field label="Body">
          <Textarea value={body} onValue={setBody} mono rows={12} />
        </Field>
        <Button look="primary" busy={busy} onClick={ask} className="self-start">
          Send
        </Button>
      </Card>
      <Card title="Answer">
        <pre className="max-h-[60vh] overflow-auto font-mono text-xs whitespace-pre-wrap">
          {answer || 'Nothing yet.'}
        </pre>
      </Card>
    </div>
  )
}
