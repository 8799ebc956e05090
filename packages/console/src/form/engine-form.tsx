/** How the engine is started: which one, its settings, and what it is given besides. */
import type { ImageVariant } from '@berth/contract'
import type { ReactNode } from 'react'
import { Card } from '../design/card.tsx'
import { Field, Textarea } from '../design/field.tsx'
import { Select } from '../design/select.tsx'
import { EngineFields } from '../engine/engine-fields.tsx'
import { engineSettings } from '../engine/engine-settings.data.ts'
import { ENGINE_CHOICES } from '../engine/engines.ts'
import { type ImageForm, NO_SETTINGS } from '../engine/image-form.ts'
import { RegistryFields } from '../engine/registry-fields.tsx'
import type { FormPart } from './form-part.ts'

/**
 * @param props.why why it is the engine that it is.
 * @param props.isKept a password for the registry is there already.
 * @param props.children further fields, below the engine.
 */
export function EngineForm({
  draft,
  set,
  errorAt,
  why,
  isKept,
  children,
}: FormPart & {
  readonly why?: string | undefined
  readonly isKept: boolean
  readonly children?: ReactNode
}) {
  const { image } = draft
  const fields = engineSettings[image.variant] ?? []
  const settings = [...fields.map(({ name }) => name), 'credentials']
  const isSaidBelow = settings.some((name) => errorAt(`model.image.${image.variant}.${name}`))
  const change = (changes: Partial<ImageForm>) => set({ image: { ...image, ...changes } })
  return (
    <Card title="Engine" bodyClassName="flex flex-col gap-4 p-4">
      <Field label="Engine" help={why} error={isSaidBelow ? undefined : errorAt('model.image')}>
        <Select<ImageVariant>
          className="w-full sm:w-72"
          value={image.variant}
          choices={ENGINE_CHOICES}
          onValue={(variant) => set({ image: { variant, ...NO_SETTINGS } })}
        />
      </Field>
      {children}
      <EngineFields
        key={image.variant}
        variant={image.variant}
        fields={fields}
        values={image.settings}
        errorAt={errorAt}
        onChange={(name, value) => change({ settings: { ...image.settings, [name]: value } })}
      />
      {image.variant === 'custom' && (
        <RegistryFields image={image} isKept={isKept} errorAt={errorAt} onChange={change} />
      )}
      <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
        <Field
          label="Arguments"
          optional
          help="For the engine, one on each line, after Berth’s own."
          error={errorAt('model.args')}
        >
          <Textarea mono value={draft.args} onValue={(args) => set({ args })} />
        </Field>
        <Field
          label="Command"
          optional
          help="Of a container, one word on each line."
          error={errorAt('model.command')}
        >
          <Textarea mono value={draft.command} onValue={(command) => set({ command })} />
        </Field>
      </div>
    </Card>
  )
}
