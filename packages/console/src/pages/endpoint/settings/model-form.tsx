/** What is served, and how its engine is started. */
import type { ImageVariant } from '@berth/contract'
import { Card } from '../../../design/card.tsx'
import { Field, Input, Textarea } from '../../../design/field.tsx'
import { Select } from '../../../design/select.tsx'
import { EngineFields } from '../../../engine/engine-fields.tsx'
import { engineSettings } from '../../../engine/engine-settings.data.ts'
import { ENGINE_CHOICES } from '../../../engine/engines.ts'
import { type ImageForm, NO_SETTINGS } from '../../../engine/image-form.ts'
import { RegistryFields } from '../../../engine/registry-fields.tsx'
import type { FormPart } from './form-part.ts'
import { SecretsForm, VariablesForm } from './variables-form.tsx'

export function ModelForm({ draft, set, errorOf }: FormPart) {
  const { image } = draft
  const fields = engineSettings[image.variant] ?? []
  const settings = [...fields.map(({ name }) => name), 'credentials']
  const isSaidBelow = settings.some((name) => errorOf('image', `model.image.${image.variant}.${name}`))
  const change = (changes: Partial<ImageForm>) => set({ image: { ...image, ...changes } })
  return (
    <>
      <Card title="Model" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-[2fr_1fr_1fr]">
        <Field label="Repository" error={errorOf('repository', 'model.repository')}>
          <Input mono value={draft.repository} onValue={(repository) => set({ repository })} />
        </Field>
        <Field label="Revision" optional error={errorOf('revision', 'model.revision')}>
          <Input mono value={draft.revision} onValue={(revision) => set({ revision })} placeholder="main" />
        </Field>
        <Field label="Task" optional error={errorOf('task', 'model.task')}>
          <Input mono value={draft.task} onValue={(task) => set({ task })} placeholder="as the model says" />
        </Field>
      </Card>
      <Card title="Engine" bodyClassName="flex flex-col gap-4 p-4">
        <Field label="Engine" error={isSaidBelow ? undefined : errorOf('image', 'model.image')}>
          <Select<ImageVariant>
            value={image.variant}
            choices={ENGINE_CHOICES}
            onValue={(variant) => set({ image: { variant, ...NO_SETTINGS } })}
          />
        </Field>
        <EngineFields
          key={image.variant}
          variant={image.variant}
          fields={fields}
          values={image.settings}
          errorAt={(path) => errorOf('image', path)}
          onChange={(name, value) => change({ settings: { ...image.settings, [name]: value } })}
        />
        {image.variant === 'custom' && (
          <RegistryFields
            image={image}
            isKept={image.registryUser !== ''}
            errorAt={(path) => errorOf('image', path)}
            onChange={change}
          />
        )}
        <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
          <Field
            label="Arguments"
            help="One on each line, after Berth's own."
            error={errorOf('args', 'model.args')}
          >
            <Textarea mono rows={4} value={draft.args} onValue={(args) => set({ args })} />
          </Field>
          <Field
            label="Command"
            help="Of a container, one word on each line."
            error={errorOf('command', 'model.command')}
          >
            <Textarea mono rows={4} value={draft.command} onValue={(command) => set({ command })} />
          </Field>
        </div>
      </Card>
      <Card title="Environment" bodyClassName="p-4">
        <VariablesForm
          variables={draft.env}
          onChange={(env) => set({ env })}
          error={errorOf('env', 'model.env')}
        />
      </Card>
      <Card title="Secrets" aside="Kept encrypted, never shown again" bodyClassName="p-4">
        <SecretsForm
          secrets={draft.secrets}
          onChange={(secrets) => set({ secrets })}
          error={errorOf('secrets', 'model.secrets')}
        />
      </Card>
    </>
  )
}
