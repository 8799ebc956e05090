/** Names and values for the engine: what may be read back, and what may not. */
import { Plus, Trash2, Undo2 } from 'lucide-react'
import { Button, IconButton } from '../design/button.tsx'
import { Field, Input } from '../design/field.tsx'
import { Problem } from '../design/problem.tsx'
import type { SecretDraft, Variable } from './endpoint-draft.ts'

export function VariablesForm({
  title = 'Environment',
  variables,
  onChange,
  error,
}: {
  readonly title?: string
  readonly variables: readonly Variable[]
  readonly onChange: (variables: readonly Variable[]) => void
  readonly error?: string | undefined
}) {
  const change = (key: number, part: Partial<Variable>) =>
    onChange(variables.map((one) => (one.key === key ? { ...one, ...part } : one)))
  const next = Math.max(-1, ...variables.map(({ key }) => key)) + 1
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="text-sm font-medium">{title}</legend>
      <p className="mb-1 text-xs text-soft">Readable by everybody who sees the endpoint.</p>
      {variables.map(({ key, name, value }) => (
        <div key={key} className="flex items-end gap-2">
          <Field label="Name" labelHidden className="w-2/5">
            <Input mono value={name} onValue={(text) => change(key, { name: text })} placeholder="NAME" />
          </Field>
          <Field label={`Value of ${name || 'it'}`} labelHidden className="flex-1">
            <Input mono value={value} onValue={(text) => change(key, { value: text })} placeholder="value" />
          </Field>
          <IconButton
            icon={Trash2}
            label={`Remove ${name || 'it'}`}
            onClick={() => onChange(variables.filter((one) => one.key !== key))}
          />
        </div>
      ))}
      <Problem text={error} />
      <Button
        size="sm"
        look="quiet"
        icon={Plus}
        className="self-start"
        onClick={() => onChange([...variables, { key: next, name: '', value: '' }])}
      >
        Add a variable
      </Button>
    </fieldset>
  )
}

export function SecretsForm({
  secrets,
  onChange,
  error,
}: {
  readonly secrets: readonly SecretDraft[]
  readonly onChange: (secrets: readonly SecretDraft[]) => void
  readonly error?: string | undefined
}) {
  const change = (place: number, part: Partial<SecretDraft>) =>
    onChange(secrets.map((one, i) => (i === place ? { ...one, ...part } : one)))
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="text-sm font-medium">Secrets</legend>
      <p className="mb-1 text-xs text-soft">Encrypted when stored, and never shown again.</p>
      {secrets.map((secret, place) => (
        <div key={String(place)} className="flex items-end gap-2">
          <Field label="Name" labelHidden className="w-2/5">
            <Input
              mono
              value={secret.name}
              readOnly={!secret.isNew}
              className={secret.isRemoved ? 'line-through opacity-60' : undefined}
              onValue={(name) => change(place, { name })}
              placeholder="NAME"
            />
          </Field>
          <Field label={`Value of ${secret.name || 'it'}`} labelHidden className="flex-1">
            <Input
              mono
              type="password"
              autoComplete="new-password"
              value={secret.value}
              onValue={(value) => change(place, { value, isRemoved: false })}
              placeholder={
                secret.isRemoved ? 'will be removed' : secret.isNew ? 'value' : 'set; type to replace it'
              }
            />
          </Field>
          <IconButton
            icon={secret.isRemoved ? Undo2 : Trash2}
            label={secret.isRemoved ? `Keep ${secret.name}` : `Remove ${secret.name || 'it'}`}
            onClick={() =>
              secret.isNew
                ? onChange(secrets.filter((_, i) => i !== place))
                : change(place, { isRemoved: !secret.isRemoved, value: '' })
            }
          />
        </div>
      ))}
      <Problem text={error} />
      <Button
        size="sm"
        look="quiet"
        icon={Plus}
        className="self-start"
        onClick={() => onChange([...secrets, { name: '', value: '', isRemoved: false, isNew: true }])}
      >
        Add a secret
      </Button>
    </fieldset>
  )
}
