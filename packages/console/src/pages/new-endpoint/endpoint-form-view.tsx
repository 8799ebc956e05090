/**
 * The form: what is chosen on the left, what it comes to on the right, always in step.
 *
 * What Berth says about the model and the hardware is asked for anew when the engine or the file changes; what was
 * typed stays.
 */
import type { ImageVariant } from '@berth/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useState } from 'react'
import { client, fieldError } from '../../api/client.ts'
import { endpointQuery, recommendationQuery } from '../../api/queries.ts'
import { Card } from '../../design/card.tsx'
import { Field, Input, Textarea } from '../../design/field.tsx'
import { Select } from '../../design/select.tsx'
import { Segmented } from '../../design/tabs.tsx'
import { toast } from '../../design/toast.tsx'
import { EngineFields } from '../../engine/engine-fields.tsx'
import { engineSettings } from '../../engine/engine-settings.data.ts'
import { ENGINE_CHOICES } from '../../engine/engines.ts'
import { NO_SETTINGS } from '../../engine/image-form.ts'
import { RegistryFields } from '../../engine/registry-fields.tsx'
import { type EndpointForm, endpointFrom, refusalOf } from './endpoint-form.ts'
import { EndpointSummary } from './endpoint-summary.tsx'
import { FileChoice } from './file-choice.tsx'
import { InstanceTiles } from './instance-tiles.tsx'
import type { InstanceOffer } from './instances.ts'
import { ModelFacts } from './model-facts.tsx'
import { ScalingFields } from './scaling-fields.tsx'
import { VariableRows } from './variable-rows.tsx'

const ACCESS_HELP: Readonly<Record<EndpointForm['access'], string>> = {
  private: 'Only tokens of this namespace may call it.',
  authenticated: 'Every token of this installation may call it.',
  public: 'Whoever reaches it may call it, without a token.',
}

export function EndpointFormView({
  namespace,
  first,
  instances,
}: {
  readonly namespace: string
  readonly first: EndpointForm
  readonly instances: readonly InstanceOffer[]
}) {
  const [form, setForm] = useState(first)
  const set = (changes: Partial<EndpointForm>) => setForm((before) => ({ ...before, ...changes }))
  const fields = engineSettings[form.variant] ?? []
  const endpoint = endpointFrom(form, fields)
  const file = form.settings['modelPath'] ?? form.settings['variant']
  const question = useDeferredValue(
    JSON.stringify({
      repository: form.repository,
      ...(form.revision !== '' && { revision: form.revision }),
      ...(form.variant !== 'huggingface' && { engine: form.variant }),
      ...(file && { file }),
    }),
  )
  const { data: judged, error: judgeError } = useQuery(recommendationQuery(namespace, JSON.parse(question)))

  const navigate = useNavigate()
  const queries = useQueryClient()
  const create = useMutation({
    mutationFn: () => client.createEndpoint({ params: { namespace }, body: endpoint }),
    onSuccess: async (created) => {
      queries.setQueryData(endpointQuery(namespace, created.name).queryKey, created)
      void queries.invalidateQueries({ queryKey: ['endpoints', namespace] })
      toast.done(`${created.name} is created.`)
      await navigate({ to: '/endpoints/$namespace/$name', params: { namespace, name: created.name } })
    },
  })
  const errorAt = (field: string) => fieldError(create.error, field)
  const refusal = refusalOf(form)

  return (
    <form
      className="grid grid-cols-1 items-start gap-5 lg:grid-cols-[minmax(0,1fr)_23rem]"
      onSubmit={(event) => {
        event.preventDefault()
        if (refusal === undefined) create.mutate()
      }}
    >
      <div className="flex min-w-0 flex-col gap-5">
        <ModelFacts judged={judged} error={judgeError} />
        <Card title="Endpoint" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
          <Field label="Name" error={errorAt('name')} help="Unique in its namespace, and part of its URL.">
            <Input value={form.name} onValue={(name) => set({ name })} />
          </Field>
          <Field label="Tags" optional error={errorAt('tags')} help="Separated by commas.">
            <Input value={form.tags} onValue={(tags) => set({ tags })} />
          </Field>
          <div className="sm:col-span-2">
            <p className="mb-1.5 text-sm font-medium">Access</p>
            <Segmented
              label="Access"
              value={form.access}
              choices={[
                { value: 'private', label: 'Private' },
                { value: 'authenticated', label: 'Authenticated' },
                { value: 'public', label: 'Public' },
              ]}
              onValue={(access) => set({ access })}
            />
            <p className="mt-1.5 text-xs text-soft">{ACCESS_HELP[form.access]}</p>
          </div>
        </Card>

        <Card title="Hardware" aside="Price and memory are of one replica">
          <InstanceTiles
            instances={instances}
            judged={judged}
            chosen={form}
            error={errorAt('compute.instanceType') ?? errorAt('compute.instanceSize') ?? errorAt('provider')}
            onChoose={set}
          />
        </Card>

        <Card title="Engine" bodyClassName="flex flex-col gap-4 p-4">
          <Field label="Engine" error={errorAt('model.image')} help={judged?.engine?.reason}>
            <Select<ImageVariant>
              className="w-full sm:w-72"
              value={form.variant}
              choices={ENGINE_CHOICES}
              onValue={(variant) => set({ variant, ...NO_SETTINGS })}
            />
          </Field>
          <FileChoice judged={judged} form={form} onChange={set} />
          <EngineFields
            key={form.variant}
            variant={form.variant}
            fields={fields}
            values={form.settings}
            errorAt={errorAt}
            onChange={(name, value) => set({ settings: { ...form.settings, [name]: value } })}
          />
          {form.variant === 'custom' && (
            <RegistryFields image={form} isKept={false} errorAt={errorAt} onChange={set} />
          )}
        </Card>

        <Card title="Autoscaling">
          <ScalingFields form={form} errorAt={errorAt} onChange={set} />
        </Card>

        <Card title="Environment and secrets" bodyClassName="flex flex-col gap-5 p-4">
          <VariableRows
            title="Environment"
            help="Readable by everybody who sees the endpoint."
            variables={form.env}
            error={errorAt('model.env')}
            onChange={(env) => set({ env })}
          />
          <VariableRows
            title="Secrets"
            help="Encrypted when stored, and never shown again."
            secret
            variables={form.secrets}
            error={errorAt('model.secrets')}
            onChange={(secrets) => set({ secrets })}
          />
        </Card>

        <Card title="Advanced" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
          <Field
            label="Revision"
            optional
            error={errorAt('model.revision')}
            help="Branch, tag or commit. The newest commit is pinned when it is left empty."
          >
            <Input mono value={form.revision} onValue={(revision) => set({ revision })} />
          </Field>
          <Field
            label="Task"
            optional
            error={errorAt('model.task')}
            help="What the model is for; Berth knows it where the repository says it."
          >
            <Input value={form.task} onValue={(task) => set({ task })} />
          </Field>
          <Field label="Arguments" optional error={errorAt('model.args')} help="For the engine, one a line.">
            <Textarea mono value={form.args} onValue={(args) => set({ args })} />
          </Field>
          <Field
            label="Command"
            optional
            error={errorAt('model.command')}
            help="Of a container, one word a line."
          >
            <Textarea mono value={form.command} onValue={(command) => set({ command })} />
          </Field>
        </Card>
      </div>
      <EndpointSummary
        namespace={namespace}
        endpoint={endpoint}
        instance={instances.find(
          (one) =>
            one.vendor === form.vendor &&
            one.region === form.region &&
            one.instanceType === form.instanceType &&
            one.instanceSize === form.instanceSize,
        )}
        judged={judged}
        error={create.error}
        refusal={refusal}
        busy={create.isPending}
      />
    </form>
  )
}
