/** How the model is asked: what is left empty is left to the engine. */
import { Card } from '../../../design/card.tsx'
import { Field, Input, Textarea } from '../../../design/field.tsx'
import type { ChatSettings } from './chat-exchange.ts'

export function ChatSettingsForm({
  settings,
  onChange,
}: {
  readonly settings: ChatSettings
  readonly onChange: (settings: ChatSettings) => void
}) {
  const set = (name: keyof ChatSettings) => (value: string) => onChange({ ...settings, [name]: value })
  const number = (name: keyof ChatSettings) => ({
    inputMode: 'decimal' as const,
    value: settings[name],
    onValue: set(name),
    placeholder: 'engine’s own',
  })
  return (
    <Card title="Parameters" bodyClassName="flex flex-col gap-3 p-4">
      <Field label="System prompt">
        <Textarea value={settings.system} onValue={set('system')} rows={3} />
      </Field>
      <div className="grid grid-cols-2 gap-3">
        <Field label="Temperature">
          <Input {...number('temperature')} />
        </Field>
        <Field label="Top p">
          <Input {...number('topP')} />
        </Field>
        <Field label="Most tokens">
          <Input {...number('maxTokens')} inputMode="numeric" />
        </Field>
        <Field label="Seed">
          <Input {...number('seed')} inputMode="numeric" />
        </Field>
      </div>
      <Field label="Stop at" help="One text on each line.">
        <Textarea value={settings.stop} onValue={set('stop')} rows={2} mono />
      </Field>
    </Card>
  )
}
