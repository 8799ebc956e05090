/** What is served, and how its engine is started. */
import { Card } from '../../../design/card.tsx'
import { Field, Input, Textarea } from '../../../design/field.tsx'
import type { FormPart } from './form-part.ts'
import { SecretsForm, VariablesForm } from './variables-form.tsx'

export function ModelForm({ draft, set, errorOf }: FormPart) {
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
      <Card title="Engine" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
        <Field
          label="Settings"
          help="One engine with its settings; {} leaves them to Berth."
          error={errorOf('image', 'model.image')}
        >
          <Textarea mono rows={8} value={draft.image} onValue={(image) => set({ image })} />
        </Field>
        <Field
          label="Arguments"
          help="One on each line, after Berth's own."
          error={errorOf('args', 'model.args')}
        >
          <Textarea mono rows={8} value={draft.args} onValue={(args) => set({ args })} />
        </Field>
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
