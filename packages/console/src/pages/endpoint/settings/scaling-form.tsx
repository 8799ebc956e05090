/** How many replicas run: between which bounds, and by what they are counted. */
import { Card } from '../../../design/card.tsx'
import { Field, Input } from '../../../design/field.tsx'
import { Select } from '../../../design/select.tsx'
import { Switch } from '../../../design/switch.tsx'
import type { MeasureKind } from './endpoint-draft.ts'
import type { FormPart } from './form-part.ts'
import { SchedulesForm } from './schedules-form.tsx'

const MEASURES: readonly { readonly value: MeasureKind; readonly label: string; readonly hint: string }[] = [
  {
    value: 'pendingRequests',
    label: 'Requests that wait',
    hint: 'More replicas when more wait for each than this.',
  },
  {
    value: 'hardwareUsage',
    label: 'Use of the hardware',
    hint: 'More replicas when CPU or GPU are busier than this.',
  },
  { value: 'slo', label: 'A promise of latency', hint: 'As many replicas as the promise needs.' },
]

export function ScalingForm(part: FormPart) {
  const { draft, set, errorOf } = part
  const text = (
    field:
      | 'minReplica'
      | 'maxReplica'
      | 'idleMinutes'
      | 'threshold'
      | 'maxCostPerHour'
      | 'firstTokenMs'
      | 'firstTokenMsPerInputToken'
      | 'interTokenMs'
      | 'attainmentPercent',
  ) => ({
    inputMode: 'decimal' as const,
    value: draft[field],
    onValue: (value: string) => set({ [field]: value }),
  })
  return (
    <Card title="Autoscaling" bodyClassName="flex flex-col gap-4 p-4">
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        <Field label="At least" error={errorOf('minReplica', 'compute.scaling.minReplica')}>
          <Input {...text('minReplica')} />
        </Field>
        <Field label="At most" error={errorOf('maxReplica', 'compute.scaling.maxReplica')}>
          <Input {...text('maxReplica')} />
        </Field>
        <Field
          label="Sleep after"
          help="Idle minutes; empty for never."
          error={errorOf('idleMinutes', 'compute.scaling.scaleToZeroTimeout')}
        >
          <Input {...text('idleMinutes')} placeholder="never" />
        </Field>
        <Field
          label="Cost ceiling"
          help="Dollars an hour; empty for none."
          error={errorOf('maxCostPerHour', 'compute.scaling.maxCostPerHour')}
        >
          <Input {...text('maxCostPerHour')} placeholder="none" />
        </Field>
      </div>
      <div className="grid grid-cols-1 gap-4 sm:grid-cols-2">
        <Field
          label="Counted by"
          error={draft.measure === 'slo' ? undefined : errorOf('threshold', 'compute.scaling.measure')}
        >
          <Select
            value={draft.measure}
            choices={MEASURES}
            onValue={(measure) => set({ measure, threshold: '' })}
          />
        </Field>
        {draft.measure !== 'slo' && (
          <Field
            label="Threshold"
            help={
              draft.measure === 'hardwareUsage'
                ? 'Percent; empty for 80.'
                : 'For each replica; empty for 1.5.'
            }
          >
            <Input {...text('threshold')} placeholder={draft.measure === 'hardwareUsage' ? '80' : '1.5'} />
          </Field>
        )}
      </div>
      {draft.measure === 'slo' && (
        <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
          <Field
            label="First token within"
            help="Milliseconds."
            error={errorOf('firstTokenMs', 'compute.scaling.measure.slo.firstTokenMs')}
          >
            <Input {...text('firstTokenMs')} />
          </Field>
          <Field label="and per input token" help="Milliseconds.">
            <Input {...text('firstTokenMsPerInputToken')} />
          </Field>
          <Field
            label="Between tokens"
            help="Milliseconds, mean."
            error={errorOf('interTokenMs', 'compute.scaling.measure.slo.interTokenMs')}
          >
            <Input {...text('interTokenMs')} />
          </Field>
          <Field
            label="Kept for"
            help="Percent of requests."
            error={errorOf('attainmentPercent', 'compute.scaling.measure.slo.attainment')}
          >
            <Input {...text('attainmentPercent')} />
          </Field>
        </div>
      )}
      <SchedulesForm {...part} />
      <Switch checked={draft.strict} onChange={(strict) => set({ strict })}>
        One replica more at a time, instead of as many as are needed
      </Switch>
    </Card>
  )
}
