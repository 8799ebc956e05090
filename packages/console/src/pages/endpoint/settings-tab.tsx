/** What can be changed about the endpoint: what a change does is shown before it is made. */
import type { EndpointUpdate, EndpointWithStatus } from '@berth/contract'
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
import { toast } from '../../design/toast.tsx'
import { AccessForm } from '../../form/access-form.tsx'
import { draftOf, type EndpointDraft, withoutSecrets } from '../../form/endpoint-draft.ts'
import { updateOf } from '../../form/endpoint-meaning.ts'
import { EngineForm } from '../../form/engine-form.tsx'
import { EnvironmentForm } from '../../form/environment-form.tsx'
import type { FormPart } from '../../form/form-part.ts'
import { ModelForm } from '../../form/model-form.tsx'
import { ScalingForm } from '../../form/scaling-form.tsx'
import { TrafficForm } from '../../form/traffic-form.tsx'
import { useKeptDraft } from '../../session/kept-draft.ts'
import { money, pricePerHour } from '../../text/quantities.ts'
import { useEndpoint } from './endpoint-context.ts'
import { PlanText } from './timeline/revisions.tsx'

/** The page may be shown something newer than what the draft began with, and what was typed stays. */
type SettingsDraft = {
  readonly generation: number
  readonly before: EndpointDraft
  readonly after: EndpointDraft
}

const settingsDraftOf = (endpoint: EndpointWithStatus): SettingsDraft => {
  const draft = draftOf(endpoint)
  return { generation: endpoint.status.generation, before: draft, after: draft }
}

const settingsWithoutSecrets = (draft: SettingsDraft): SettingsDraft => ({
  ...draft,
  after: withoutSecrets(draft.after),
})

/** Going back may lead from the settings of one endpoint to those of another: what was typed stays with its own. */
export function SettingsTab() {
  const { namespace, name } = useEndpoint()
  return <EndpointSettings key={`${namespace}/${name}`} />
}

function EndpointSettings() {
  const endpoint = useEndpoint()
  const { namespace, name } = endpoint
  const now = settingsDraftOf(endpoint)
  const kept = useKeptDraft(`settings:${namespace}/${name}`, now, settingsWithoutSecrets)
  const { isFromBefore, change, beginWith } = kept
  const isChanged = JSON.stringify(kept.draft.after) !== JSON.stringify(kept.draft.before)
  // Where nothing was typed the form follows what the endpoint becomes.
  const draft = isChanged ? kept.draft : now
  const [reviewed, setReviewed] = useState<EndpointUpdate>()
  const [refusal, setRefusal] = useState<unknown>()

  const part: FormPart = {
    draft: draft.after,
    set: (changes) => {
      change({ ...draft, after: { ...draft.after, ...changes } })
      setRefusal(undefined)
    },
    errorAt: (path) => fieldError(refusal, path),
  }
  const startAgain = () => {
    beginWith(now)
    setRefusal(undefined)
  }

  return (
    <div className="flex max-w-4xl flex-col gap-4 pb-20">
      {isChanged && endpoint.status.generation !== draft.generation ? (
        <Note tone="warn" actions={<Button onClick={startAgain}>Drop my changes</Button>}>
          It was changed meanwhile. What you save is put on top of that.
        </Note>
      ) : (
        isChanged &&
        isFromBefore && (
          <Note tone="calm" actions={<Button onClick={startAgain}>Drop my changes</Button>}>
            What you changed here before is filled in again; after a reload, secrets have to be given again.
          </Note>
        )
      )}
      {refusal !== undefined && <ErrorNote error={refusal} />}
      <AccessForm {...part} />
      <Hardware {...part} />
      <ScalingForm {...part} />
      <TrafficForm {...part} />
      <ModelForm {...part}>
        <Field label="Repository" className="sm:col-span-2" error={part.errorAt('model.repository')}>
          <Input mono value={draft.after.repository} onValue={(repository) => part.set({ repository })} />
        </Field>
      </ModelForm>
      <EngineForm {...part} isKept={draft.before.image.registryUser !== ''} />
      <EnvironmentForm {...part} />
      <div className="fixed inset-x-0 bottom-0 z-10 flex justify-end gap-2 border-t border-line bg-surface px-6 py-3 lg:left-56">
        <span className="mr-auto self-center text-soft">
          {isChanged ? 'Not saved yet.' : 'Nothing is changed.'}
        </span>
        <Button refusal={isChanged ? undefined : 'Nothing is changed.'} onClick={startAgain}>
          Reset
        </Button>
        <Button
          look="primary"
          refusal={isChanged ? undefined : 'Nothing is changed.'}
          onClick={() => setReviewed(updateOf(draft.before, draft.after))}
        >
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
            beginWith(settingsDraftOf(saved))
          }}
        />
      )}
    </div>
  )
}

/** Where it runs cannot change, only on what. */
function Hardware({ draft, set, errorAt }: FormPart) {
  const { namespace, provider } = useEndpoint()
  const { data: vendors } = useQuery(vendorsQuery(namespace))
  const offers =
    vendors?.vendors
      .find(({ name }) => name === provider.vendor)
      ?.regions.find(({ name }) => name === provider.region)?.computes ?? []
  const wordsOf = ({ instanceType, instanceSize }: EndpointDraft['instance']) =>
    `${instanceType} ${instanceSize}`
  const chosen = wordsOf(draft.instance)
  const choices = offers.map((offer) => ({
    value: wordsOf(offer),
    label: wordsOf(offer),
    hint: `${offer.memoryGb} GB, ${pricePerHour(offer.pricePerHour)}`,
  }))
  const isKnown = choices.some(({ value }) => value === chosen)
  return (
    <Card title="Hardware" bodyClassName="p-4">
      <Field
        label="Instance"
        className="max-w-sm"
        error={errorAt('compute.instanceType') ?? errorAt('compute.instanceSize')}
      >
        <Select
          value={chosen}
          choices={isKnown ? choices : [{ value: chosen, label: chosen }, ...choices]}
          onValue={(words) => {
            const offer = offers.find((one) => wordsOf(one) === words)
            if (!offer) return
            const { accelerator, instanceType, instanceSize } = offer
            set({ instance: { accelerator, instanceType, instanceSize } })
          }}
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
  readonly onSaved: (endpoint: EndpointWithStatus) => void
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
