/** Which of some texts answers a question best. */
import { useState } from 'react'
import { Button } from '../../../design/button.tsx'
import { Card } from '../../../design/card.tsx'
import { Field, Input, Textarea } from '../../../design/field.tsx'
import { ErrorNote } from '../../../design/note.tsx'
import { duration } from '../../../text/times.ts'
import { useEndpoint } from '../endpoint-context.ts'
import { askJson } from './call-endpoint.ts'
import { RequestCode } from './request-code.tsx'
import { type Scored, ScoredList } from './scored-list.tsx'
import { useAsk } from './use-ask.ts'
import { WakingNote } from './waking-note.tsx'

/** llama-server answers Jina's shape under its own route, TEI its own. */
type Jina = { readonly results: readonly { readonly index: number; readonly relevance_score: number }[] }
type Tei = readonly { readonly index: number; readonly score: number }[]

export function RerankForm() {
  const { namespace, name, status, engine } = useEndpoint()
  const [query, setQuery] = useState('Where is the Eiffel Tower?')
  const [typed, setTyped] = useState(
    'The tower stands in Paris.\nBread is made of flour.\nParis is the capital of France.',
  )
  const { busy, answer, error, tookMs, ask } = useAsk<readonly Scored[]>()
  const texts = typed.split('\n').filter((line) => line.trim() !== '')
  const isTei = engine === 'tei'
  const path = isTei ? '/rerank' : '/v1/rerank'
  const body = isTei ? { query, texts } : { model: `${namespace}/${name}`, query, documents: texts }
  const refusal =
    query.trim() === '' ? 'Write a question first.' : texts.length === 0 ? 'Write a text first.' : undefined
  return (
    <div className="flex flex-col gap-4">
      <WakingNote waiting={busy} />
      <Card title="Question and texts" bodyClassName="flex flex-col gap-3 p-4">
        <Field label="Question">
          <Input value={query} onValue={setQuery} />
        </Field>
        <Field label="Texts" help="One on each line.">
          <Textarea value={typed} onValue={setTyped} rows={5} />
        </Field>
        <Button
          look="primary"
          className="self-start"
          busy={busy}
          refusal={refusal}
          onClick={() =>
            ask(async (signal) => {
              const found = await askJson<Jina | Tei>({ namespace, name, path, body, signal })
              const scores =
                'results' in found
                  ? found.results.map(({ index, relevance_score: score }) => ({ index, score }))
                  : found
              return scores
                .map(({ index, score }) => ({ name: texts[index] ?? '', score }))
                .toSorted((a, b) => b.score - a.score)
            })
          }
        >
          Rerank
        </Button>
      </Card>
      {error !== undefined && <ErrorNote error={error} />}
      {answer && (
        <Card title="Order" aside={duration(tookMs ?? 0)}>
          <ScoredList items={answer} />
        </Card>
      )}
      <RequestCode request={{ url: status.url ?? '', path, body }} />
    </div>
  )
}
