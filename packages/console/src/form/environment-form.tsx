/** What the engine finds in its environment: what may be read back, and what may not. */
import { Card } from '../design/card.tsx'
import type { FormPart } from './form-part.ts'
import { SecretsForm, VariablesForm } from './variables-form.tsx'

export function EnvironmentForm({ draft, set, errorAt }: FormPart) {
  return (
    <Card title="Environment and secrets" bodyClassName="flex flex-col gap-5 p-4">
      <VariablesForm variables={draft.env} error={errorAt('model.env')} onChange={(env) => set({ env })} />
      <SecretsForm
        secrets={draft.secrets}
        error={errorAt('model.secrets')}
        onChange={(secrets) => set({ secrets })}
      />
    </Card>
  )
}
