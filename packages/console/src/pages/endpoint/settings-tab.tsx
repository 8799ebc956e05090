/** What can be changed about the endpoint: what a change does is shown before it is made. */
import type { AccessType, EndpointUpdate } from '@berth/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { client, fieldError } from '../../api/client.ts'
import { vendorsQuery } from '../../api/queries.ts'
import { Button } from '../../design/button.tsx'
import { Card } from '../../design/card.tsx'
import { Dialog } from '../../design/dialog.tsx'
import { Field, Input } from '../../design/field.tsx'
import { ErrorNote, Note } from '../../design/note.tsx'
import { Select } from '../../design/select.tsx'
import { Switch } from '../../design/switch.tsx'
import { toast } from '../../design/toast.tsx'
import { money, pricePerHour } from '../../text/quantities.ts'
import { useEndpoint } from './endpoint-context.ts'
import { draftOf, type Problems, updateOf } from './settings/endpoint-draft.ts'
import type { FormPart } from './settings/form-part.ts'
import { ModelForm } from './settings/model-form.tsx'
import { ScalingForm } from './settings/scaling-form.tsx'
import { TrafficForm } from './settings/traffic-form.tsx'
import { PlanText } from './timeline/revisions.tsx'

const ACCESS: readonly { readonly value: AccessType; readonly label: string; readonly hint: string }[] = [
  { value: 'private', label: 'Private', hint: 'Members of the namespace, with their tokens.' },
  { value: 'authenticated', label: 'Authenticated', hint: 'Anyone with a token of this Berth.' },
  { value: 'public', label: 'Public', hint: 'Anyone who reaches it, without a token.' },
]

export function SettingsTab() {
  const endpoint = useEndpoint()
  const { namespace } = endpoint
  const { data: vendors } = useQuery(vendorsQuery(namespace))
  // What the draft began with: the page may be shown something newer meanwhile, and what was typed stays.
  const [base, setBase] = useState(endpoint)
  const [draft, setDraft] = useState(() => draftOf(endpoint))
  const [problems, setProblems] = useState<Problems>({})
  const [reviewed, setReviewed] = useState<EndpointUpdate>()
  const [refusal, setRefusal] = useState<unknown>()

  const offers =
    vendors?.vendors.flatMap((vendor) => vendor.regions.flatMap((region) => region.computes)) ?? []
  const isChanged = JSON.stringify(draft) !== JSON.stringify(draftOf(base))
  const part: FormPart = {
    draft,
    set: (changes) => {
      setDraft({ ...draft, ...changes })
      setProblems({})
      setRefusal(undefined)
    },
    errorOf: (field, path) => problems[field] ?? fieldError(refusal, path),
  }
  const startAgain = () => {
    setBase(endpoint)
    setDraft(draftOf(endpoint))
    setProblems({})
    setRefusal(undefined)
  }
  const review = () => {
    const result = updateOf(base, draft, offers)
    if (result.kind === 'problems') setProblems(result.problems)
    else setReviewed(result.update)
  }

  return (
    <div className="flex max-w-4xl flex-col gap-4 pb-20">
      {endpoint.status.generation !== base.status.generation && isChanged && (
        <Note tone="warn" actions={<Button onClick={startAgain}>Drop my changes</Button>}>
          It was changed meanwhile. What you save is put on top of that.
        </Note>
      )}
      {refusal !== undefined && <ErrorNote error={refusal} />}
      <Access {...part} />
      <Instance {...part} offers={offers} />
      <ScalingForm {...part} />
      <TrafficForm {...part} />
      <ModelForm {...part} />
      <div className="fixed inset-x-0 bottom-0 z-10 flex justify-end gap-2 border-t border-line bg-surface px-6 py-3 md:left-54">
        <span className="mr-auto self-center text-soft">
          {isChanged ? 'Not saved yet.' : 'Nothing is changed.'}
        </span>
        <Button refusal={isChanged ? undefined : 'Nothing is changed.'} onClick={startAgain}>
          Reset
        </Button>
        <Button look="primary" refusal={isChanged ? undefined : 'Nothing is changed.'} onClick={review}>
          Review and save
        </Button>
      </div>
      {reviewed && (
        <Review
          update={reviewed}
          onClose={() => setReviewed(undefined)}
          onRefused={(error) => {
            setReviewed(undefined)
            setRefusal(error)
          }}
          onSaved={(saved) => {
            setReviewed(undefined)
            setBase(saved)
            setDraft(draftOf(saved))
          }}
        />
      )}
    </div>
  )
}

function Access({ draft, set, errorOf }: FormPart) {
  return (
    <Card title="Access" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
      <Field label="Who may call it" error={errorOf('access', 'type')}>
        <Select value={draft.access} choices={ACCESS} onValue={(access) => set({ access })} />
      </Field>
      <Field label="Tags" help="With commas between them." error={errorOf('tags', 'tags')}>
        <Input value={draft.tags} onValue={(tags) => set({ tags })} />
      </Field>
      <Switch
        checked={draft.cacheHttpResponses}
        onChange={(cacheHttpResponses) => set({ cacheHttpResponses })}
      >
        Answer the same request from a cache
      </Switch>
    </Card>
  )
}

function Instance({
  draft,
  set,
  errorOf,
  offers,
}: FormPart & {
  readonly offers: readonly {
    readonly id: string
    readonly instanceType: string
    readonly instanceSize: string
    readonly memoryGb: number
    readonly pricePerHour: number
  }[]
}) {
  const choices = offers.map((offer) => ({
    value: offer.id,
    label: `${offer.instanceType} ${offer.instanceSize}`,
    hint: `${offer.memoryGb} GB, ${pricePerHour(offer.pricePerHour)}`,
  }))
  const known = choices.some(({ value }) => value === draft.instance)
  return (
    <Card title="Hardware" bodyClassName="p-4">
      <Field label="Instance" className="max-w-sm" error={errorOf('instance', 'compute')}>
        <Select
          value={draft.instance}
          choices={known ? choices : [{ value: draft.instance, label: draft.instance }, ...choices]}
          onValue={(instance) => set({ instance })}
        />
      </Field>
    </Card>
  )
}

function Review({
  update,
  onClose,
  onRefused,
  onSaved,
}: {
  readonly update: EndpointUpdate
  readonly onClose: () => void
  readonly onRefused: (error: unknown) => void
  readonly onSaved: (endpoint: ReturnType<typeof useEndpoint>) => void
}) {
  const { namespace, name } = useEndpoint()
  const queries = useQueryClient()
  const call = { params: { namespace, name }, body: update }
  const { data: plan, error } = useQuery({
    queryKey: ['endpoint', namespace, name, 'plan', update],
    queryFn: ({ signal }) => client.planUpdate({ ...call, signal }),
    staleTime: 0,
    retry: false,
  })
  const save = useMutation({
    mutationFn: () => client.updateEndpoint(call),
    onSuccess: (saved) => {
      queries.setQueryData(['endpoint', namespace, name], saved)
      toast.done(`${name} is changed.`)
      onSaved(saved)
    },
    onError: onRefused,
  })
  const price = plan?.pricePerHour
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title="What will change"
      actions={
        error ? (
          <Button look="primary" onClick={() => onRefused(error)}>
            Back to the form
          </Button>
        ) : (
          <>
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" busy={!plan || save.isPending} onClick={() => save.mutate()}>
              Save
            </Button>
          </>
        )
      }
    >
      <div className="flex flex-col gap-3">
        {error && <ErrorNote error={error} />}
        {plan && <PlanText plan={plan} />}
        {price && price.from !== price.to && (
          <p className="text-soft">
            A replica costs {money(price.to)} an hour instead of {money(price.from)}.
          </p>
        )}
      </div>
    </Dialog>
  )
}
