/**
 * How an endpoint is scaled, from the flags to the API's fields and back to words. Pure: every combination is a row in
 * the test.
 */
import {
  type LatencyObjective,
  type Scaling,
  type ScalingMeasure,
  type ScalingSchedule,
  weekdays,
} from '@berth/contract'
import { usageError } from './exit.ts'

export type ScalingFlags = {
  readonly scaleOn?: string
  readonly strict?: boolean
  readonly schedule?: readonly string[]
  readonly unsetSchedules?: boolean
  readonly maxCostPerHour?: string
}

const SCALE_ON = 'pending=1.5, cpu=80, or slo=ttft:2s,itl:100ms (and, if you like, per-token:1ms, of:95%)'
const SCHEDULE = '"Mon-Fri 8-18 2 Europe/Paris": days, hours, fewest replicas, time zone'

/** Only what the flags name. @throws CommandError for what cannot be understood. */
export function scalingFrom(flags: ScalingFlags): Partial<Scaling> {
  const schedules = flags.schedule?.map(scheduleFrom) ?? (flags.unsetSchedules ? [] : undefined)
  return {
    ...(flags.scaleOn === undefined ? {} : { measure: measureFrom(flags.scaleOn) }),
    ...(flags.strict === undefined ? {} : { strict: flags.strict }),
    ...(schedules && { schedules }),
    ...(flags.maxCostPerHour === undefined ? {} : { maxCostPerHour: costFrom(flags.maxCostPerHour) }),
  }
}

function measureFrom(text: string): ScalingMeasure {
  const [kind = '', value] = split(text, '=')
  switch (kind) {
    case 'pending':
      return { pendingRequests: value === undefined ? null : number('--scale-on pending', value) }
    case 'cpu':
      return {
        hardwareUsage: value === undefined ? null : number('--scale-on cpu', value.replace(/%$/, '')),
      }
    case 'slo':
      return { slo: objectiveFrom(value ?? '') }
    default:
      throw usageError(`--scale-on is "${text}": write ${SCALE_ON}.`)
  }
}

function objectiveFrom(text: string): LatencyObjective {
  const parts = new Map(text.split(',').map((part) => split(part, ':') as [string, string | undefined]))
  const unknown = [...parts.keys()].find((name) => !['ttft', 'itl', 'per-token', 'of'].includes(name))
  const [ttft, itl] = [parts.get('ttft'), parts.get('itl')]
  if (unknown || ttft === undefined || itl === undefined) {
    throw usageError(`--scale-on slo is "${text}": write ${SCALE_ON}.`)
  }
  const perToken = parts.get('per-token')
  const share = parts.get('of')
  return {
    firstTokenMs: milliseconds('--scale-on slo=ttft', ttft),
    firstTokenMsPerInputToken:
      perToken === undefined ? 0 : milliseconds('--scale-on slo=per-token', perToken),
    interTokenMs: milliseconds('--scale-on slo=itl', itl),
    attainment: share === undefined ? 0.95 : shareFrom(share),
  }
}

/** `Mon-Fri 8-18 2 Europe/Paris`, `Sat,Sun 0-24 1 UTC`, `daily 22-6 1`; UTC where no zone is named. */
export function scheduleFrom(text: string): ScalingSchedule {
  const match = /^(\S+)\s+(\d{1,2})-(\d{1,2})\s+(\d{1,4})(?:\s+(\S+))?$/.exec(text.trim())
  if (!match) throw usageError(`--schedule is "${text}": write ${SCHEDULE}.`)
  const [, days = '', from, to, replicas, timeZone = 'UTC'] = match
  return {
    days: daysFrom(days, text),
    fromHour: Number(from),
    toHour: Number(to),
    minReplica: Number(replicas),
    timeZone,
  }
}

function daysFrom(text: string, schedule: string): ScalingSchedule['days'] {
  if (text === 'daily') return [...weekdays]
  return text.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map((day) => {
      const at = weekdays.findIndex((name) => name.toLowerCase() === day.toLowerCase())
      if (at === -1)
        throw usageError(`--schedule is "${schedule}": "${day}" is none of ${weekdays.join(', ')}.`)
      return at
    })
    // Fri-Mon goes over the end of the week.
    const days: ScalingSchedule['days'] = []
    for (let day = first!; ; day = (day + 1) % weekdays.length) {
      days.push(weekdays[day]!)
      if (day === last) return days
    }
  })
}

function costFrom(text: string): number | null {
  return text === 'none' ? null : number('--max-cost-per-hour', text)
}

function number(flag: string, text: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) throw usageError(`${flag} is "${text}": write a number.`)
  return Number(text)
}

function milliseconds(flag: string, text: string): number {
  const match = /^(\d{1,9}(?:\.\d{1,9})?)(ms|s)$/.exec(text)
  if (!match) throw usageError(`${flag} is "${text}": write a time such as 2s or 150ms.`)
  return Number(match[1]) * (match[2] === 's' ? 1_000 : 1)
}

function shareFrom(text: string): number {
  const match = /^(\d{1,2}(?:\.\d{1,4})?)%$/.exec(text)
  if (!match) throw usageError(`--scale-on slo=of is "${text}": write a percentage below 100 such as 95%.`)
  return Number((Number(match[1]) / 100).toFixed(6))
}

function split(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at)
  return index === -1 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)]
}

/** For `berth describe`: one line for each thing that decides. */
export function scalingInWords(scaling: Scaling): string {
  const { minReplica, maxReplica, scaleToZeroTimeout: idle, schedules = [], maxCostPerHour } = scaling
  return [
    `${minReplica} to ${maxReplica}${idle && minReplica === 0 ? `, to zero after ${idle} idle minutes` : ''}`,
    measureInWords(scaling),
    ...schedules.map(
      ({ days, fromHour, toHour, minReplica: least, timeZone }) =>
        `${least} at least ${days.join(', ')} from ${fromHour} to ${toHour} (${timeZone})`,
    ),
    ...(maxCostPerHour ? [`at most ${maxCostPerHour} an hour`] : []),
  ].join('\n')
}

function measureInWords({ measure, strict }: Scaling): string {
  const step = strict ? ', one more at a time' : ''
  if (measure && 'slo' in measure) {
    const { firstTokenMs, firstTokenMsPerInputToken: each, interTokenMs, attainment } = measure.slo
    const perToken = each > 0 ? ` + ${each} ms for each prompt token` : ''
    const share = Math.round(attainment * 1e6) / 1e4
    return `so that ${share} % get the first token in ${firstTokenMs} ms${perToken} and the next ones every ${interTokenMs} ms`
  }
  if (measure && 'hardwareUsage' in measure) {
    return `on hardware usage of ${measure.hardwareUsage ?? 80} %${step}`
  }
  return `on ${measure?.pendingRequests ?? 1.5} pending requests per replica${step}`
}
