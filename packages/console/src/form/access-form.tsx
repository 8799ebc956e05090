/** Who may call it, and by what it is found. */
import type { AccessType } from '@berth/contract'
import type { ReactNode } from 'react'
import { Card } from '../design/card.tsx'
import { Field, Input } from '../design/field.tsx'
import { Switch } from '../design/switch.tsx'
import { Segmented } from '../design/tabs.tsx'
import type { FormPart } from './form-part.ts'

const ACCESS: readonly { readonly value: AccessType; readonly label: string }[] = [
  { value: 'private', label: 'Private' },
  { value: 'authenticated', label: 'Authenticated' },
  { value: 'public', label: 'Public' },
]
const ACCESS_HELP: Readonly<Record<AccessType, string>> = {
  private: 'Only tokens of this namespace may call it.',
  authenticated: 'Every token of this installation may call it.',
  public: 'Whoever reaches it may call it, without a token.',
}

/** @param props.children a field that stands first, such as its name while it has none. */
export function AccessForm({ draft, set, errorAt, children }: FormPart & { readonly children?: ReactNode }) {
  const error = errorAt('type')
  return (
    <Card title="Endpoint" bodyClassName="grid grid-cols-1 gap-4 p-4 sm:grid-cols-2">
      {children}
      <Field label="Tags" optional error={errorAt('tags')} help="With commas between them.">
        <Input value={draft.tags} onValue={(tags) => set({ tags })} />
      </Field>
      <div className="sm:col-span-2">
        <p className="mb-1.5 text-sm font-medium">Access</p>
        <Segmented
          label="Access"
          value={draft.access}
          choices={ACCESS}
          onValue={(access) => set({ access })}
        />
        <p className={error ? 'mt-1.5 text-xs text-bad' : 'mt-1.5 text-xs text-soft'}>
          {error ?? ACCESS_HELP[draft.access]}
        </p>
      </div>
      <div className="sm:col-span-2">
        <Switch
          checked={draft.cacheHttpResponses}
          onChange={(cacheHttpResponses) => set({ cacheHttpResponses })}
        >
          Answer the same request from a cache
        </Switch>
        {errorAt('cacheHttpResponses') && <p className="text-xs text-bad">{errorAt('cacheHttpResponses')}</p>}
      </div>
    </Card>
  )
}
