/** What is served: which revision of the model, for what, and which adapters stand beside it. */
import { Plus, Trash2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { Button, IconButton } from '../design/button.tsx'
import { Card } from '../design/card.tsx'
import { Field, Input } from '../design/field.tsx'
import { Problem } from '../design/problem.tsx'
import type { AdapterDraft } from './endpoint-draft.ts'
import type { FormPart } from './form-part.ts'

/** @param props.children the repository, where it can be changed. */
export function ModelForm({ children, ...part }: FormPart & { readonly children?: ReactNode }) {
  const { draft, set, errorAt } = part
  return (
    <Card title="Model" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
      {children}
      <Field
        label="Revision"
        optional
        error={errorAt('model.revision')}
        help="Branch, tag or commit. The newest commit is pinned when it is left empty."
      >
        <Input mono value={draft.revision} onValue={(revision) => set({ revision })} />
      </Field>
      <Field
        label="Task"
        optional
        error={errorAt('model.task')}
        help="What the model is for; Berth knows it where the repository says it."
      >
        <Input value={draft.task} onValue={(task) => set({ task })} />
      </Field>
      <Adapters {...part} />
    </Card>
  )
}

function Adapters({ draft: { adapters }, set, errorAt }: FormPart) {
  const change = (key: number, changes: Partial<AdapterDraft>) =>
    set({ adapters: adapters.map((one) => (one.key === key ? { ...one, ...changes } : one)) })
  const add = () => {
    const key = Math.max(-1, ...adapters.map((one) => one.key)) + 1
    set({ adapters: [...adapters, { key, name: '', repository: '', revision: '' }] })
  }
  const error = errorAt('model.adapters')
  return (
    <fieldset className="flex flex-col gap-2 sm:col-span-2">
      <legend className="text-sm font-medium">Adapters</legend>
      <p className="mb-1 text-xs text-soft">
        LoRA weights beside the model, called as the endpoint’s name with a colon and theirs.
      </p>
      {adapters.map(({ key, name, repository, revision }) => (
        <div key={key} className="flex flex-wrap items-start gap-2">
          <Field label="Adapter" labelHidden className="w-full sm:w-40">
            <Input mono placeholder="name" value={name} onValue={(text) => change(key, { name: text })} />
          </Field>
          <Field label={`Repository of ${name || 'it'}`} labelHidden className="min-w-40 flex-1">
            <Input
              mono
              placeholder="org/adapter"
              value={repository}
              onValue={(text) => change(key, { repository: text })}
            />
          </Field>
          <Field label={`Revision of ${name || 'it'}`} labelHidden className="w-32">
            <Input
              mono
              placeholder="newest"
              value={revision}
              onValue={(text) => change(key, { revision: text })}
            />
          </Field>
          <IconButton
            icon={Trash2}
            label={`Remove ${name || 'this adapter'}`}
            onClick={() => set({ adapters: adapters.filter((one) => one.key !== key) })}
          />
        </div>
      ))}
      <Problem text={error} />
      <Button size="sm" look="quiet" icon={Plus} className="self-start" onClick={add}>
        Add an adapter
      </Button>
    </fieldset>
  )
}
