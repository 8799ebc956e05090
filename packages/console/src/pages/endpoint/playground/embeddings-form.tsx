/** Texts as vectors, and how similar each is to each. */
import { useState } from 'react'
import { Button } from '../../../design/button.tsx'
import { Card } from '../../../design/card.tsx'
import { Field, Textarea } from '../../../design/field.tsx'
import { ErrorNote } from '../../../design/note.tsx'
import { counted } from '../../../text/quantities.ts'
import { duration } from '../../../text/times.ts'
import { useEndpoint } from '../endpoint-context.ts'
import { askJson } from './call-endpoint.ts'
import { RequestCode } from './request-code.tsx'
import { cosineOf } from './similarity.ts'
import { useAsk } from './use-ask.ts'
import { WakingNote } from './waking-note.tsx'

const PATH = '/v1/embeddings'
const MAX_TEXTS = 16
const EXAMPLE = 'A cat sleeps on the sofa.\nThe kitten naps on the couch.\nInterest rates rose again.'

type Embeddings = { readonly data: readonly { readonly embedding: readonly number[] }[] }
type Answer = { readonly texts: readonly string[]; readonly vectors: readonly (readonly number[])[] }

export function EmbeddingsForm() {
  const { namespace, name, status } = useEndpoint()
  const [typed, setTyped] = useState(EXAMPLE)
  const { busy, answer, error, tookMs, ask } = useAsk<Answer>()
  const texts = typed.split('\n').filter((line) => line.trim() !== '')
  const body = { model: `${namespace}/${name}`, input: texts }
  const refusal =
    texts.length === 0
      ? 'Write a text first.'
      : texts.length > MAX_TEXTS
        ? `At most ${MAX_TEXTS} texts at once.`
        : undefined
  return (
    <div className="flex flex-col gap-4">
      <WakingNote waiting={busy} />
      <Card title="Texts" bodyClassName="flex flex-col gap-3 p-4">
        <Field label="One on each line">
          <Textarea value={typed} onValue={setTyped} rows={5} />
        </Field>
        <Button
          look="primary"
          className="self-start"
          busy={busy}
          refusal={refusal}
          onClick={() =>
            ask(async (signal) => {
              const { data } = await askJson<Embeddings>({ namespace, name, path: PATH, body, signal })
              return { texts, vectors: data.map(({ embedding }) => embedding) }
            })
          }
        >
          Embed
        </Button>
      </Card>
      {error !== undefined && <ErrorNote error={error} />}
      {answer && (
        <Card
          title="Similarity"
          aside={`${counted(answer.vectors[0]?.length ?? 0, 'dimension')} · ${duration(tookMs ?? 0)}`}
          bodyClassName="overflow-x-auto p-4"
        >
          <Matrix {...answer} />
        </Card>
      )}
      <RequestCode request={{ url: status.url ?? '', path: PATH, body }} />
    </div>
  )
}

/** The closer, the darker; the number is there for who cannot tell. */
const SHADES = ['bg-surface', 'bg-accent-soft', 'bg-accent/25', 'bg-accent/45', 'bg-accent/65'] as const

function Matrix({ texts, vectors }: Answer) {
  return (
    <table className="text-xs">
      <thead>
        <tr>
          <td />
          {texts.map((text, place) => (
            <th key={String(place)} scope="col" title={text} className="px-2 pb-1 font-medium text-soft">
              {place + 1}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {texts.map((text, row) => (
          <tr key={String(row)}>
            <th scope="row" title={text} className="max-w-64 truncate pr-3 text-left font-normal">
              <span className="mr-1.5 text-faint tabular">{row + 1}</span>
              {text}
            </th>
            {vectors.map((vector, column) => {
              const likeness = cosineOf(vectors[row] ?? [], vector)
              const shade =
                SHADES[Math.max(0, Math.min(SHADES.length - 1, Math.floor(likeness * SHADES.length)))]
              return (
                <td
                  key={String(column)}
                  className={`${shade} h-8 min-w-12 border border-line text-center tabular`}
                >
                  {likeness.toFixed(2)}
                </td>
              )
            })}
          </tr>
        ))}
      </tbody>
    </table>
  )
}
