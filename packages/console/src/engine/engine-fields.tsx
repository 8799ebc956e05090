/** The settings of one engine, each by the name that its users know, with help from its schema. */
import { ChevronRight } from 'lucide-react'
import { useState } from 'react'
import { Field, Input } from '../design/field.tsx'
import { Select } from '../design/select.tsx'
import { counted } from '../text/quantities.ts'
import type { SettingField } from './engine-settings.data.ts'

/** What nearly everybody who changes something changes. */
const FIRST: ReadonlySet<string> = new Set([
  'modelPath',
  'ctxSize',
  'nParallel',
  'nGpuLayers',
  'mode',
  'maxNumSeqs',
  'maxNumBatchedTokens',
  'tensorParallelSize',
  'kvCacheDtype',
  'maxRunningRequests',
  'maxInputLength',
  'maxTotalTokens',
  'maxBatchTokens',
  'maxConcurrentRequests',
  'pooling',
  'startMs',
  'tokenMs',
])

type Props = {
  readonly variant: string
  readonly fields: readonly SettingField[]
  readonly values: Readonly<Record<string, string>>
  readonly errorAt: (field: string) => string | undefined
  readonly onChange: (name: string, value: string) => void
}

export function EngineFields({ variant, fields, values, errorAt, onChange }: Props) {
  const isFirst = ({ name }: SettingField) =>
    variant === 'custom' || FIRST.has(name) || (values[name] ?? '') !== ''
  // Once shown a field stays, also when it is emptied again.
  const [shownAtFirst] = useState(() => new Set(fields.filter(isFirst).map((field) => field.name)))
  const shown = fields.filter((field) => shownAtFirst.has(field.name))
  const rest = fields.filter((field) => !shownAtFirst.has(field.name))
  const draw = (field: SettingField) => (
    <Setting
      key={field.name}
      field={field}
      value={values[field.name] ?? ''}
      error={errorAt(`model.image.${variant}.${field.name}`)}
      onChange={(value) => onChange(field.name, value)}
    />
  )
  const hasError = ({ name }: SettingField) => errorAt(`model.image.${variant}.${name}`) !== undefined
  if (fields.length === 0) return <p className="text-soft">This engine is set up by its arguments alone.</p>
  return (
    <>
      <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">{shown.map(draw)}</div>
      {rest.length > 0 && (
        <details className="group" {...(rest.some(hasError) && { open: true })}>
          <summary className="inline-flex cursor-pointer list-none items-center gap-1 rounded-sm text-sm text-soft hover:text-ink">
            <ChevronRight className="size-3.5 transition-transform group-open:rotate-90" aria-hidden />
            {counted(rest.length, 'more setting')}
          </summary>
          <div className="mt-3 grid grid-cols-1 gap-4 sm:grid-cols-2">{rest.map(draw)}</div>
        </details>
      )}
    </>
  )
}

function Setting({
  field,
  value,
  error,
  onChange,
}: {
  readonly field: SettingField
  readonly value: string
  readonly error: string | undefined
  readonly onChange: (value: string) => void
}) {
  const choices =
    field.kind === 'choice'
      ? field.choices.map((choice) => ({ value: choice, label: choice }))
      : [
          { value: 'true', label: 'yes' },
          { value: 'false', label: 'no' },
        ]
  return (
    <Field label={field.name} error={error} help={field.help || undefined}>
      {field.kind === 'choice' || field.kind === 'boolean' ? (
        <Select
          value={value}
          choices={[{ value: '', label: 'Engine’s choice' }, ...choices]}
          onValue={onChange}
        />
      ) : (
        <Input
          value={value}
          onValue={onChange}
          placeholder="Engine’s choice"
          {...(field.kind === 'number' ? { inputMode: 'numeric' as const } : { mono: true })}
        />
      )}
    </Field>
  )
}
