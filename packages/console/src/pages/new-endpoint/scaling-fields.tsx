/** How many replicas, when none, and by what that is judged. */
import { Field, Input } from '../../design/field.tsx'
import { Select } from '../../design/select.tsx'
import type { EndpointForm, Measure } from './endpoint-form.ts'

const IDLE_CHOICES = [
  { value: 'never', label: 'Never' },
  { value: '5', label: 'After 5 minutes without a request' },
  { value: '15', label: 'After 15 minutes without a request' },
  { value: '60', label: 'After an hour without a request' },
  { value: '360', label: 'After 6 hours without a request' },
] as const

const MEASURES: readonly { readonly value: Measure; readonly label: string }[] = [
  { value: 'default', label: 'Berth’s choice' },
  { value: 'pendingRequests', label: 'Requests that wait or are answered' },
  { value: 'hardwareUsage', label: 'Use of the hardware' },
]
const KEPT: (typeof MEASURES)[number] = { value: 'kept', label: 'A promise of latency, as the original' }

export function ScalingFields({
  form,
  errorAt,
  onChange,
}: {
  readonly form: EndpointForm
  readonly errorAt: (field: string) => string | undefined
  readonly onChange: (changes: Partial<EndpointForm>) => void
}) {
  const idle = IDLE_CHOICES.some((choice) => choice.value === form.idle)
    ? IDLE_CHOICES
    : [...IDLE_CHOICES, { value: form.idle, label: `After ${form.idle} minutes without a request` }]
  return (
    <div className="grid grid-cols-2 gap-4">
      <Field
        label="At least"
        error={errorAt('compute.scaling.minReplica')}
        help="Replicas. 0 allows scaling to zero."
      >
        <Input
          inputMode="numeric"
          value={form.minReplica}
          onValue={(minReplica) => onChange({ minReplica })}
        />
      </Field>
      <Field label="At most" error={errorAt('compute.scaling.maxReplica')} help="Replicas, under load.">
        <Input
          inputMode="numeric"
          value={form.maxReplica}
          onValue={(maxReplica) => onChange({ maxReplica })}
        />
      </Field>
      <Field
        label="Scale to zero"
        className="col-span-2 sm:col-span-1"
        error={errorAt('compute.scaling.scaleToZeroTimeout')}
        help={
          form.idle !== 'never' && form.minReplica !== '0'
            ? 'The last replica stops only where the minimum is 0.'
            : 'The next request wakes it.'
        }
      >
        <Select value={form.idle} choices={idle} onValue={(value) => onChange({ idle: value })} />
      </Field>
      <Field
        label="Scale by"
        className="col-span-2 sm:col-span-1"
        error={errorAt('compute.scaling.measure')}
        help={
          form.measure === 'default' || form.measure === 'kept'
            ? undefined
            : 'More of it than the threshold adds a replica.'
        }
      >
        <Select
          value={form.measure}
          choices={form.kept.scaling.measure ? [...MEASURES, KEPT] : MEASURES}
          onValue={(measure) => onChange({ measure })}
        />
      </Field>
      {form.measure !== 'default' && form.measure !== 'kept' && (
        <Field
          label={
            form.measure === 'hardwareUsage'
              ? 'Threshold, in percent'
              : 'Threshold, requests for each replica'
          }
          optional
          className="col-span-2 sm:col-span-1 sm:col-start-2"
        >
          <Input
            inputMode="decimal"
            placeholder={form.measure === 'hardwareUsage' ? '80' : '1.5'}
            value={form.threshold}
            onValue={(threshold) => onChange({ threshold })}
          />
        </Field>
      )}
    </div>
  )
}
