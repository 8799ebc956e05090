/** More replicas at certain hours: a row for each line of the week's plan. */
import { Plus, Trash2 } from 'lucide-react'
import { Button, IconButton } from '../design/button.tsx'
import { Field, Input } from '../design/field.tsx'
import { Problem } from '../design/problem.tsx'
import { type ScheduleDraft, WEEKDAYS } from './endpoint-draft.ts'
import type { FormPart } from './form-part.ts'

const SCHEDULES = 'compute.scaling.schedules'

export function SchedulesForm({ draft, set, errorAt }: FormPart) {
  const { schedules } = draft
  const change = (key: number, changes: Partial<ScheduleDraft>) =>
    set({ schedules: schedules.map((one) => (one.key === key ? { ...one, ...changes } : one)) })
  const add = () => {
    const key = Math.max(-1, ...schedules.map((one) => one.key)) + 1
    const days = WEEKDAYS.slice(0, 5)
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions()
    set({ schedules: [...schedules, { key, days, fromHour: '8', toHour: '18', minReplica: '1', timeZone }] })
  }
  const errorOf = (place: number) => errorAt(`${SCHEDULES}.${place}`)
  const isSaidBelow = schedules.some((_, place) => errorOf(place) !== undefined)
  const error = isSaidBelow ? undefined : errorAt(SCHEDULES)
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="mb-1.5 text-sm font-medium">Schedules</legend>
      {schedules.map((schedule, place) => (
        <Row
          key={schedule.key}
          schedule={schedule}
          error={errorOf(place)}
          onChange={(changes) => change(schedule.key, changes)}
          onRemove={() => set({ schedules: schedules.filter(({ key }) => key !== schedule.key) })}
        />
      ))}
      <Problem text={error} />
      <Button size="sm" look="quiet" icon={Plus} className="self-start" onClick={add}>
        Keep more warm at certain hours
      </Button>
    </fieldset>
  )
}

function Row({
  schedule,
  error,
  onChange,
  onRemove,
}: {
  readonly schedule: ScheduleDraft
  readonly error: string | undefined
  readonly onChange: (changes: Partial<ScheduleDraft>) => void
  readonly onRemove: () => void
}) {
  const text = (name: 'fromHour' | 'toHour' | 'minReplica' | 'timeZone') => ({
    value: schedule[name],
    onValue: (value: string) => onChange({ [name]: value }),
  })
  return (
    <div className="flex flex-wrap items-end gap-3">
      <div className="flex gap-1">
        {WEEKDAYS.map((day) => {
          const isOn = schedule.days.includes(day)
          return (
            <Button
              key={day}
              size="sm"
              look={isOn ? 'primary' : 'secondary'}
              aria-pressed={isOn}
              onClick={() =>
                onChange({
                  days: WEEKDAYS.filter((one) => (one === day ? !isOn : schedule.days.includes(one))),
                })
              }
            >
              {day}
            </Button>
          )
        })}
      </div>
      <Field label="From hour" className="w-20">
        <Input inputMode="numeric" {...text('fromHour')} />
      </Field>
      <Field label="to hour" className="w-20">
        <Input inputMode="numeric" {...text('toHour')} />
      </Field>
      <Field label="At least" className="w-20">
        <Input inputMode="numeric" {...text('minReplica')} />
      </Field>
      <Field label="Time zone" className="w-44">
        <Input mono {...text('timeZone')} placeholder="Europe/Paris" />
      </Field>
      <IconButton icon={Trash2} label="Remove the schedule" onClick={onRemove} />
      <Problem text={error} className="w-full" />
    </div>
  )
}
