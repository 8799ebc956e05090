/** What a classifier makes of a text. */
import { useState } from 'react'
import { Button } from '../../../design/button.tsx'
import { Card } from '../../../design/card.tsx'
import { Field, Textarea } from '../../../design/field.tsx'
import { ErrorNote } from '../../../design/note.tsx'
import { duration } from '../../../text/times.ts'
import { useEndpoint } from '../endpoint-context.ts'
import { askJson } from './call-endpoint.ts'
import { RequestCode } from './request-code.tsx'
import { type Scored, ScoredList } from './scored-list.tsx'
import { useAsk } from './use-ask.ts'
import { WakingNote } from './waking-note.tsx'

type Label = { readonly label: string; readonly score: number }

const ALL_LABELS = 1_000

export function ClassifyForm() {
  const { namespace, name, status, engine } = useEndpoint()
  const [text, setText] = useState('What a wonderful day!')
  const { busy, answer, error, tookMs, ask } = useAsk<readonly Scored[]>()
  const isTei = engine === 'tei'
  const path = isTei ? '/predict' : '/'
  const body = isTei ? { inputs: text } : { inputs: text, parameters: { top_k: ALL_LABELS } }
  return (
    <div className="flex flex-col gap-4">
      <WakingNote waiting={busy} />
      <Card title="Text" bodyClassName="flex flex-col gap-3 p-4">
        <Field label="Text" labelHidden>
          <Textarea value={text} onValue={setText} rows={4} />
        </Field>
        <Button
          look="primary"
          className="self-start"
          busy={busy}
          refusal={text.trim() === '' ? 'Write a text first.' : undefined}
          onClick={() =>
            ask(async (signal) => {
              const found = await askJson<readonly (Label | readonly Label[])[]>({
                namespace,
                name,
                path,
                body,
                signal,
              })
              return found.flat().map(({ label, score }) => ({ name: label, score }))
            })
          }
        >
          Classify
        </Button>
      </Card>
      {error !== undefined && <ErrorNote error={error} />}
      {answer && (
        <Card title="Labels" aside={duration(tookMs ?? 0)}>
          <ScoredList items={answer} />
        </Card>
      )}
      <RequestCode request={{ url: status.url ?? '', path, body }} />
    </div>
  )
}
