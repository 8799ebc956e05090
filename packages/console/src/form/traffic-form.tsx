/** Requests: from where they may come, how many, how replicas share them, and who answers instead. */
import { Card } from '../design/card.tsx'
import { Field, Input, Textarea } from '../design/field.tsx'
import { Select } from '../design/select.tsx'
import { Switch } from '../design/switch.tsx'
import { FALLBACK_REASONS, type FallbackDraft, LIMITS } from './endpoint-draft.ts'
import type { FormPart } from './form-part.ts'
import { RoutingForm } from './routing-form.tsx'

const LIMIT_WORDS: Readonly<Record<(typeof LIMITS)[number], readonly [label: string, help: string]>> = {
  requestsPerMinute: ['Requests a minute', '0 refuses every request.'],
  tokensPerMinute: ['Tokens a minute', 'Input and output together.'],
  concurrentRequests: ['At once', 'Being answered or held.'],
  bodyBytes: ['Bytes a request', 'The body of one.'],
  requestSeconds: ['Seconds a request', 'To the end of its answer.'],
}
const KINDS: readonly { readonly value: FallbackDraft['kind']; readonly label: string }[] = [
  { value: 'none', label: 'Nobody' },
  { value: 'endpoint', label: 'Another endpoint' },
  { value: 'external', label: 'A server elsewhere' },
]
const REASON_WORDS: Readonly<Record<(typeof FALLBACK_REASONS)[number], string>> = {
  cold: 'No replica is ready',
  overloaded: 'Every replica is full',
  failed: 'It failed',
}

export function TrafficForm(part: FormPart) {
  const { draft, set, errorAt } = part
  return (
    <>
      <Card title="Limits" aside="Of all callers together; empty for none">
        <div className="grid grid-cols-2 gap-4 sm:grid-cols-3">
          {LIMITS.map((name) => (
            <Field
              key={name}
              label={LIMIT_WORDS[name][0]}
              help={LIMIT_WORDS[name][1]}
              error={errorAt(`limits.${name}`)}
            >
              <Input
                inputMode="numeric"
                placeholder="none"
                value={draft.limits[name]}
                onValue={(value) => set({ limits: { ...draft.limits, [name]: value } })}
              />
            </Field>
          ))}
        </div>
      </Card>
      <RoutingForm {...part} />
      <Card title="Origins" bodyClassName="p-4">
        <Field
          label="Origins"
          labelHidden
          help="Pages that may call it from a browser, one on each line: https://app.example.com, or * alone."
          error={errorAt('cors')}
        >
          <Textarea mono value={draft.origins} onValue={(origins) => set({ origins })} />
        </Field>
      </Card>
      <Fallback {...part} />
    </>
  )
}

function Fallback({ draft, set, errorAt }: FormPart) {
  const { fallback } = draft
  const change = (changes: Partial<FallbackDraft>) => set({ fallback: { ...fallback, ...changes } })
  const text = (name: 'endpoint' | 'baseUrl' | 'model' | 'secret') => ({
    mono: true,
    value: fallback[name],
    onValue: (value: string) => change({ [name]: value }),
  })
  return (
    <Card title="Fallback" bodyClassName="flex flex-col gap-4 p-4">
      <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
        <Field
          label="Who answers instead"
          error={errorAt('fallback.on') ?? (fallback.kind === 'none' ? errorAt('fallback') : undefined)}
        >
          <Select value={fallback.kind} choices={KINDS} onValue={(kind) => change({ kind })} />
        </Field>
        {fallback.kind === 'endpoint' && (
          <Field label="Endpoint" help="Of the same namespace." error={errorAt('fallback.endpoint')}>
            <Input {...text('endpoint')} />
          </Field>
        )}
        {fallback.kind === 'external' && (
          <>
            <Field
              label="Base URL"
              help="Of an OpenAI-compatible server."
              error={errorAt('fallback.external.baseUrl')}
            >
              <Input {...text('baseUrl')} placeholder="https://api.example.com/v1" />
            </Field>
            <Field label="Model" help="What that server calls it." error={errorAt('fallback.external.model')}>
              <Input {...text('model')} />
            </Field>
            <Field
              label="Secret"
              help="The name of the one that is its key."
              error={errorAt('fallback.external.secret')}
            >
              <Input {...text('secret')} placeholder="OTHER_KEY" />
            </Field>
          </>
        )}
      </div>
      {fallback.kind !== 'none' && (
        <fieldset className="flex flex-wrap gap-x-6 gap-y-2">
          <legend className="mb-1.5 text-sm font-medium">When</legend>
          {FALLBACK_REASONS.map((reason) => (
            <Switch
              key={reason}
              checked={fallback.on.includes(reason)}
              onChange={(isOn) =>
                change({
                  on: FALLBACK_REASONS.filter((one) => (one === reason ? isOn : fallback.on.includes(one))),
                })
              }
            >
              {REASON_WORDS[reason]}
            </Switch>
          ))}
        </fieldset>
      )}
    </Card>
  )
}
