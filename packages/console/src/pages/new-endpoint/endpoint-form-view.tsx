/**
 * The form: what is chosen on the left, what it comes to on the right, always in step.
 *
 * What Berth says about the model and the hardware is asked for anew when the engine or the file changes; what was
 * typed stays, also when one comes back to it.
 */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { ChevronRight } from 'lucide-react'
import { useDeferredValue, useState } from 'react'
import { client, fieldError } from '../../api/client.ts'
import { endpointQuery, recommendationQuery } from '../../api/queries.ts'
import { Button } from '../../design/button.tsx'
import { Card } from '../../design/card.tsx'
import { Field, Input } from '../../design/field.tsx'
import { Note } from '../../design/note.tsx'
import { toast } from '../../design/toast.tsx'
import { AccessForm } from '../../form/access-form.tsx'
import { refusalOf } from '../../form/endpoint-meaning.ts'
import { EngineForm } from '../../form/engine-form.tsx'
import { EnvironmentForm } from '../../form/environment-form.tsx'
import type { FormPart } from '../../form/form-part.ts'
import { ModelForm } from '../../form/model-form.tsx'
import { ScalingForm } from '../../form/scaling-form.tsx'
import { TrafficForm } from '../../form/traffic-form.tsx'
import { forgetDraft, useKeptDraft } from '../../session/kept-draft.ts'
import { EndpointSummary } from './endpoint-summary.tsx'
import { FileChoice } from './file-choice.tsx'
import { InstanceTiles } from './instance-tiles.tsx'
import { type InstanceOffer, isAt } from './instances.ts'
import { ModelFacts } from './model-facts.tsx'
import { endpointFrom, type NewDraft, newDraftWithoutSecrets, placeOf } from './new-draft.ts'

export function EndpointFormView({
  namespace,
  first,
  draftKey,
  instances,
}: {
  readonly namespace: string
  readonly first: NewDraft
  /** What was typed is kept under it. */
  readonly draftKey: string
  readonly instances: readonly InstanceOffer[]
}) {
  const { draft, isFromBefore, change, beginWith } = useKeptDraft(draftKey, first, newDraftWithoutSecrets)
  const endpoint = endpointFrom(draft)
  const { image, repository, revision } = draft.of
  const file = image.settings['modelPath'] ?? image.settings['variant']
  const question = useDeferredValue(
    JSON.stringify({
      repository,
      ...(revision !== '' && { revision }),
      ...(image.variant !== 'huggingface' && { engine: image.variant }),
      ...(file && { file }),
    }),
  )
  const { data: judged, error: judgeError } = useQuery(recommendationQuery(namespace, JSON.parse(question)))

  const navigate = useNavigate()
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: () => client.createEndpoint({ params: { namespace }, body: endpoint }),
    onSuccess: async (created) => {
      forgetDraft(draftKey)
      queries.setQueryData(endpointQuery(namespace, created.name).queryKey, created)
      void queries.invalidateQueries({ queryKey: ['endpoints', namespace] })
      toast.done(`${created.name} is created.`)
      await navigate({ to: '/endpoints/$namespace/$name', params: { namespace, name: created.name } })
    },
  })
  const errorAt = (field: string) => fieldError(create.error, field)
  const part: FormPart = {
    draft: draft.of,
    set: (changes) => change({ of: { ...draft.of, ...changes } }),
    errorAt,
  }
  const refusal = refusalOf(draft.of)

  return (
    <form
      className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[minmax(0,1fr)_23rem]"
      onSubmit={(event) => {
        event.preventDefault()
        if (refusal === undefined) create.mutate()
      }}
    >
      <div className="flex min-w-0 flex-col gap-5">
        {isFromBefore && (
          <Note
            tone="calm"
            actions={
              <Button size="sm" onClick={() => beginWith(first)}>
                Start over
              </Button>
            }
          >
            What you typed here before is filled in again; after a reload, secrets have to be given again.
          </Note>
        )}
        <ModelFacts judged={judged} error={judgeError} />
        <AccessForm {...part}>
          <Field label="Name" error={errorAt('name')} help="Unique in its namespace, and part of its URL.">
            <Input value={draft.name} onValue={(name) => change({ name })} />
          </Field>
        </AccessForm>
        <Card title="Hardware" aside="Price and memory are of one replica">
          <InstanceTiles
            instances={instances}
            judged={judged}
            chosen={placeOf(draft)}
            error={errorAt('compute.instanceType') ?? errorAt('compute.instanceSize') ?? errorAt('provider')}
            onChoose={({ vendor, region, ...instance }) =>
              change({ vendor, region, of: { ...draft.of, instance } })
            }
          />
        </Card>
        <EngineForm {...part} why={judged?.engine?.reason} isKept={false}>
          <FileChoice
            judged={judged}
            image={image}
            onChange={(settings) => part.set({ image: { ...image, settings } })}
          />
        </EngineForm>
        <ScalingForm {...part} />
        <More {...part} />
        <EnvironmentForm {...part} />
      </div>
      <EndpointSummary
        namespace={namespace}
        endpoint={endpoint}
        instance={instances.find((one) => isAt(placeOf(draft), one))}
        judged={judged}
        error={create.error}
        refusal={refusal}
        busy={create.isPending}
      />
    </form>
  )
}

const FIELDS_OF_MORE = [
  'model.revision',
  'model.task',
  'model.adapters',
  'limits',
  'routing',
  'customRouter',
  'cors',
  'fallback',
]

/** What most endpoints are never asked for; open where something of it is said, or refused. */
function More(part: FormPart) {
  const { draft, errorAt } = part
  const isSaid =
    draft.revision !== '' ||
    draft.adapters.length > 0 ||
    draft.origins !== '' ||
    draft.policy !== '' ||
    draft.requestsPerReplica !== '' ||
    draft.router.tag !== '' ||
    draft.fallback.kind !== 'none' ||
    Object.values(draft.limits).some((limit) => limit !== '')
  const isRefused = FIELDS_OF_MORE.some((field) => errorAt(field) !== undefined)
  const [isOpen, setOpen] = useState(isSaid)
  return (
    <details
      className="group"
      open={isOpen || isRefused}
      onToggle={(event) => setOpen(event.currentTarget.open)}
    >
      <summary className="inline-flex cursor-pointer list-none items-center gap-1 rounded-sm text-sm text-soft hover:text-ink">
        <ChevronRight className="size-3.5 transition-transform group-open:rotate-90" aria-hidden />
        Revision, task, adapters, limits, routing, origins and fallback
      </summary>
      <div className="mt-3 flex flex-col gap-5">
        <ModelForm {...part} />
        <TrafficForm {...part} />
      </div>
    </details>
  )
}
