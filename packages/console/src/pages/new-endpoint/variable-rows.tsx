/** Names and values, a row each. A secret's value is hidden as it is typed. */
import { Plus, Trash2 } from 'lucide-react'
import { Button, IconButton } from '../../design/button.tsx'
import { Field, Input } from '../../design/field.tsx'
import type { Variable } from './endpoint-form.ts'

export function VariableRows({
  title,
  help,
  secret = false,
  variables,
  error,
  onChange,
}: {
  readonly title: string
  readonly help: string
  readonly secret?: boolean
  readonly variables: readonly Variable[]
  readonly error: string | undefined
  readonly onChange: (variables: readonly Variable[]) => void
}) {
  const change = (id: number, changes: Partial<Variable>) =>
    onChange(variables.map((one) => (one.id === id ? { ...one, ...changes } : one)))
  const add = () =>
    onChange([...variables, { id: Math.max(0, ...variables.map((one) => one.id)) + 1, name: '', value: '' }])
  return (
    <fieldset className="flex flex-col gap-2">
      <legend className="text-sm font-medium">{title}</legend>
      <p className="-mt-1 text-xs text-soft">{help}</p>
      {variables.map((variable) => (
        <div key={variable.id} className="flex items-start gap-2">
          <Field label="Name" labelHidden className="w-2/5">
            <Input
              mono
              placeholder={secret ? 'HF_TOKEN' : 'NAME'}
              value={variable.name}
              onValue={(name) => change(variable.id, { name })}
            />
          </Field>
          <Field label={`Value of ${variable.name || 'it'}`} labelHidden className="flex-1">
            <Input
              mono
              placeholder="value"
              type={secret ? 'password' : 'text'}
              autoComplete={secret ? 'new-password' : 'off'}
              value={variable.value}
              onValue={(value) => change(variable.id, { value })}
            />
          </Field>
          <IconButton
            icon={Trash2}
            label={`Remove ${variable.name || 'this row'}`}
            onClick={() => onChange(variables.filter((one) => one.id !== variable.id))}
          />
        </div>
      ))}
      {error && (
        <p role="alert" className="text-xs text-bad">
          {error}
        </p>
      )}
      <Button size="sm" look="quiet" icon={Plus} className="self-start" onClick={add}>
        {secret ? 'Add a secret' : 'Add a variable'}
      </Button>
    </fieldset>
  )
}
