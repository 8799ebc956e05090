/** How many replicas run: between which bounds, by what they are counted, and when none does. */
import { Card } from '../design/card.tsx'
import { Field, Input } from '../design/field.tsx'
import { Select } from '../design/select.tsx'
import { Switch } from '../design/switch.tsx'
import type { EndpointDraft, MeasureKind } from './endpoint-draft.ts'
import type { FormPart } from './form-part.ts'
import { SchedulesForm } from './schedules-form.tsx'

const IDLE_CHOICES = [
  { value: 'never', label: 'Never' },
  { value: '5', label: 'After 5 minutes without a request' },
  { value: '15', label: 'After 15 minutes without a request' },
  { value: '60', label: 'After an hour without a request' },
  { value: '360', label: 'After 6 hours without a request' },
] as const
const OTHER = 'other'

const MEASURES: readonly { readonly value: MeasureKind; readonly label: string; readonly hint?: string }[] = [
  { value: 'default', label: 'Berth’s choice' },
  {
    value: 'pendingRequests',
    label: 'Requests that wait or are answered',
    hint: 'More replicas when there are more for each than this.',
  },
  {
    value: 'hardwareUsage',
    label: 'Use of the hardware',
    hint: 'More replicas when CPU or GPU are busier than this.',
  },
  { value: 'slo', label: 'A promise of latency', hint: 'As many replicas as the promise needs.' },
]

const MEASURE = 'compute.scaling.measure'

export function ScalingForm(part: FormPart) {
  const { draft, set, errorAt } = part
  return (
    <Card title="Autoscaling" bodyClassName="flex flex-col gap-4 p-4">
      <div className="grid grid-cols-2 gap-4">
        <NumberField
          part={part}
          name="minReplica"
          label="At least"
          help="Replicas. 0 allows scaling to zero."
        />
        <NumberField part={part} name="maxReplica" label="At most" help="Replicas, under load." />
        <Idle {...part} />
        <NumberField
          part={part}
          name="maxCostPerHour"
          label="Cost ceiling"
          help="Dollars an hour: never more replicas than cost this much."
          placeholder="none"
          optional
        />
        <Field
          label="Scale by"
          className="col-span-2 sm:col-span-1"
          error={draft.measure === 'slo' ? undefined : errorAt(MEASURE)}
        >
          <Select
            value={draft.measure}
            choices={MEASURES}
            onValue={(measure) => set({ measure, threshold: '' })}
          />
        </Field>
        <Threshold {...part} />
      </div>
      {draft.measure === 'slo' && <Promised {...part} />}
      <SchedulesForm {...part} />
      <Switch checked={draft.strict} onChange={(strict) => set({ strict })}>
        One replica more at a time, instead of as many as are needed
      </Switch>
      {errorAt('compute.scaling.strict') && (
        <p className="text-xs text-bad">{errorAt('compute.scaling.strict')}</p>
      )}
    </Card>
  )
}

function Idle({ draft, set, errorAt }: FormPart) {
  const isOther = IDLE_CHOICES.every(({ value }) => value !== draft.idle)
  return (
    <div className="col-span-2 flex gap-2 sm:col-span-1">
      <Field
        label="Scale to zero"
        className="flex-1"
        error={isOther ? undefined : errorAt('compute.scaling.scaleToZeroTimeout')}
        help={
          draft.idle !== 'never' && draft.minReplica !== '0'
            ? 'The last replica stops only where the minimum is 0.'
            : 'The next request wakes it.'
        }
      >
        <Select<string>
          value={isOther ? OTHER : draft.idle}
          choices={[...IDLE_CHOICES, { value: OTHER, label: 'After another time' }]}
          onValue={(idle) => set({ idle: idle === OTHER ? '' : idle })}
        />
      </Field>
      {isOther && (
        <Field label="Minutes" className="w-24" error={errorAt('compute.scaling.scaleToZeroTimeout')}>
          <Input inputMode="decimal" value={draft.idle} onValue={(idle) => set({ idle })} />
        </Field>
      )}
    </div>
  )
}

function Threshold({ draft, set }: FormPart) {
  if (draft.measure !== 'hardwareUsage' && draft.measure !== 'pendingRequests') return null
  const isHardware = draft.measure === 'hardwareUsage'
  return (
    <Field
      label={isHardware ? 'Threshold, in percent' : 'Threshold, requests for each replica'}
      optional
      className="col-span-2 sm:col-span-1"
    >
      <Input
        inputMode="decimal"
        placeholder={isHardware ? '80' : '1.5'}
        value={draft.threshold}
        onValue={(threshold) => set({ threshold })}
      />
    </Field>
  )
}

function Promised(part: FormPart) {
  return (
    <div className="grid grid-cols-2 gap-4 sm:grid-cols-4">
      <NumberField
        part={part}
        name="firstTokenMs"
        path={`${MEASURE}.slo.firstTokenMs`}
        label="First token within"
        help="Milliseconds."
      />
      <NumberField
        part={part}
        name="firstTokenMsPerInputToken"
        path={`${MEASURE}.slo.firstTokenMsPerInputToken`}
        label="and per input token"
        help="Milliseconds."
      />
      <NumberField
        part={part}
        name="interTokenMs"
        path={`${MEASURE}.slo.interTokenMs`}
        label="Between tokens"
        help="Milliseconds, mean."
      />
      <NumberField
        part={part}
        name="attainmentPercent"
        path={`${MEASURE}.slo.attainment`}
        label="Kept for"
        help="Percent of requests."
      />
    </div>
  )
}

type NumberName = Extract<
  keyof EndpointDraft,
  | 'minReplica'
  | 'maxReplica'
  | 'maxCostPerHour'
  | 'firstTokenMs'
  | 'firstTokenMsPerInputToken'
  | 'interTokenMs'
  | 'attainmentPercent'
>

function NumberField({
  part: { draft, set, errorAt },
  name,
  path = `compute.scaling.${name}`,
  label,
  help,
  placeholder,
  optional = false,
}: {
  readonly part: FormPart
  readonly name: NumberName
  readonly path?: string
  readonly label: string
  readonly help: string
  readonly placeholder?: string
  readonly optional?: boolean
}) {
  return (
    <Field label={label} help={help} error={errorAt(path)} optional={optional}>
      <Input
        inputMode="decimal"
        placeholder={placeholder}
        value={draft[name]}
        onValue={(value) => set({ [name]: value })}
      />
    </Field>
  )
}
