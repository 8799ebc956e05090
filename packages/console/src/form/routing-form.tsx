/** How replicas share the requests: by a rule of Berth's, or by a program of one's own. */
import { Card } from '../design/card.tsx'
import { Field, Input } from '../design/field.tsx'
import { Select } from '../design/select.tsx'
import type { EndpointDraft, RouterDraft } from './endpoint-draft.ts'
import type { FormPart } from './form-part.ts'
import { VariablesForm } from './variables-form.tsx'

const POLICIES: readonly {
  readonly value: EndpointDraft['policy']
  readonly label: string
  readonly hint?: string
}[] = [
  { value: '', label: 'What suits the engine' },
  { value: 'round-robin', label: 'In turn' },
  { value: 'least-requests', label: 'Where the fewest requests are' },
  { value: 'least-tokens', label: 'Where the least is outstanding' },
  {
    value: 'prefix-affinity',
    label: 'Where the prompt’s beginning was read',
    hint: 'As long as that one is not too busy.',
  },
]

export function RoutingForm({ draft, set, errorAt }: FormPart) {
  const { router } = draft
  const change = (changes: Partial<RouterDraft>) => set({ router: { ...router, ...changes } })
  return (
    <Card title="Routing" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
      <Field label="Replica of a request" error={errorAt('routing.policy')}>
        <Select value={draft.policy} choices={POLICIES} onValue={(policy) => set({ policy })} />
      </Field>
      <Field
        label="Requests on one replica"
        help="Further ones wait for the next free replica; empty for what the engine works on at once."
        error={errorAt('routing.requestsPerReplica')}
      >
        <Input
          inputMode="numeric"
          value={draft.requestsPerReplica}
          onValue={(requestsPerReplica) => set({ requestsPerReplica })}
        />
      </Field>
      <Field
        label="Router of your own"
        optional
        help="An image that chooses the replica of each request; where replicas are processes, a program that the operator installed."
        error={errorAt('customRouter.tag')}
      >
        <Input
          mono
          placeholder="ghcr.io/acme/router:1.0"
          value={router.tag}
          onValue={(tag) => change({ tag })}
        />
      </Field>
      {router.tag !== '' && (
        <>
          <Field label="Port" optional help="Where its image listens." error={errorAt('customRouter.port')}>
            <Input
              inputMode="numeric"
              placeholder="3000"
              value={router.port}
              onValue={(port) => change({ port })}
            />
          </Field>
          <div className="sm:col-span-2">
            <VariablesForm
              title="Environment of the router"
              variables={router.env}
              error={errorAt('customRouter.env')}
              onChange={(env) => change({ env })}
            />
          </div>
        </>
      )}
    </Card>
  )
}
