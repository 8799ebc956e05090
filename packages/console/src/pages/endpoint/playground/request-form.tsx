/** Any request to the endpoint, and its answer as it comes. */
import { Square } from 'lucide-react'
import { useRef, useState } from 'react'
import { send } from '../../../api/client.ts'
import { Button } from '../../../design/button.tsx'
import { Card } from '../../../design/card.tsx'
import { Field, Input, Textarea } from '../../../design/field.tsx'
import { Select } from '../../../design/select.tsx'
import { sentenceOf } from '../../../text/sentence-of.ts'
import { duration } from '../../../text/times.ts'
import { useEndpoint } from '../endpoint-context.ts'
import { WakingNote } from './waking-note.tsx'

const FIRST_BODY = JSON.stringify({ inputs: 'Hello' }, null, 2)
/** More of an answer helps nobody on a page. */
const MAX_SHOWN = 200_000

const METHODS = (['POST', 'GET'] as const).map((value) => ({ value, label: value }))

type Answer = {
  readonly status: string
  readonly headers: string
  readonly text: string
  readonly tookMs: number | undefined
}

export function RequestForm() {
  const { namespace, name } = useEndpoint()
  const [method, setMethod] = useState<'GET' | 'POST'>('POST')
  const [path, setPath] = useState('/')
  const [body, setBody] = useState(FIRST_BODY)
  const [answer, setAnswer] = useState<Answer>()
  const [busy, setBusy] = useState(false)
  const running = useRef<AbortController>(undefined)
  const problem = path.startsWith('/') ? undefined : 'A path begins with /.'

  const ask = async () => {
    const own = new AbortController()
    running.current = own
    const since = performance.now()
    setBusy(true)
    setAnswer(undefined)
    try {
      const response = await send(`/e/${namespace}/${name}${path}`, {
        method,
        signal: own.signal,
        ...(method === 'POST' ? { headers: { 'content-type': 'application/json' }, body } : {}),
      })
      const begun: Answer = {
        status: `${response.status} ${response.statusText}`,
        headers: [...response.headers].map(([key, value]) => `${key}: ${value}`).join('\n'),
        text: '',
        tookMs: undefined,
      }
      let text = ''
      for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text = (text + piece).slice(0, MAX_SHOWN)
        setAnswer({ ...begun, text })
      }
      setAnswer({ ...begun, text, tookMs: performance.now() - since })
    } catch (error) {
      if (!own.signal.aborted)
        setAnswer({ status: 'No answer', headers: '', text: sentenceOf(error), tookMs: undefined })
    } finally {
      setBusy(false)
    }
  }

  return (
    <div className="flex flex-col gap-4">
      <WakingNote waiting={busy} />
      <div className="grid grid-cols-1 items-start gap-4 lg:grid-cols-2">
        <Card title="Request" bodyClassName="flex flex-col gap-3 p-4">
          <div className="flex gap-3">
            <Field label="Method" className="w-28">
              <Select value={method} choices={METHODS} onValue={setMethod} />
            </Field>
            <Field label="Path" className="flex-1" error={problem}>
              <Input value={path} onValue={setPath} mono />
            </Field>
          </div>
          {method === 'POST' && (
            <Field label="Body">
              <Textarea value={body} onValue={setBody} mono rows={12} />
            </Field>
          )}
          <div className="flex gap-2">
            <Button look="primary" busy={busy} refusal={problem} onClick={ask}>
              Send
            </Button>
            {busy && (
              <Button icon={Square} onClick={() => running.current?.abort()}>
                Stop
              </Button>
            )}
          </div>
        </Card>
        <Card
          title="Answer"
          aside={
            answer &&
            [answer.status, answer.tookMs !== undefined && duration(answer.tookMs)]
              .filter(Boolean)
              .join(' · ')
          }
        >
          {answer ? (
            <div className="flex flex-col gap-3">
              <pre className="max-h-40 overflow-auto font-mono text-xs whitespace-pre-wrap text-faint">
                {answer.headers}
              </pre>
              <pre className="max-h-[50vh] overflow-auto font-mono text-xs whitespace-pre-wrap">
                {answer.text}
              </pre>
            </div>
          ) : (
            <p className="text-soft">{busy ? 'Waiting for the first byte.' : 'Nothing yet.'}</p>
          )}
        </Card>
      </div>
    </div>
  )
}
