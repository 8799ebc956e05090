/**
 * Minimum counts by weekday and hour, in a time zone.
 *
 * Every time zone is a whole number of quarter hours away from UTC, so what holds at the beginning of a quarter
 * holds until its end and is worked out once.
 */

export type Weekday = 'Mon' | 'Tue' | 'Wed' | 'Thu' | 'Fri' | 'Sat' | 'Sun'

export type WarmHours = {
  readonly days: readonly Weekday[]
  /** From this hour of the day, 0 to 23. */
  readonly fromHour: number
  /** Until the beginning of this hour; not above `fromHour` means: past midnight, of the next day. */
  readonly toHour: number
  readonly minReplicas: number
  /** An IANA name: "Europe/Paris". */
  readonly timeZone: string
}

const QUARTER_MS = 15 * 60_000
const WEEK: readonly Weekday[] = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

/** What the schedules asked for when they were last looked at, and until when that holds. */
export type WarmMinimum = { readonly minReplicas: number; readonly from: number; readonly until: number }

export function warmMinimum(
  schedules: readonly WarmHours[],
  now: number,
  known: WarmMinimum | null,
): WarmMinimum | null {
  if (schedules.length === 0) return null
  if (known && now >= known.from && now < known.until) return known
  const from = Math.floor(now / QUARTER_MS) * QUARTER_MS
  let minReplicas = 0
  for (const hours of schedules)
    if (isWarm(hours, from)) minReplicas = Math.max(minReplicas, hours.minReplicas)
  return { minReplicas, from, until: from + QUARTER_MS }
}

function isWarm({ days, fromHour, toHour, timeZone }: WarmHours, at: number): boolean {
  const local = localTime(at, timeZone)
  if (!local) return false
  const { weekday, hour } = local
  if (fromHour < toHour) return days.includes(weekday) && hour >= fromHour && hour < toHour
  const dayBefore = WEEK[(WEEK.indexOf(weekday) + 6) % 7]!
  return (days.includes(weekday) && hour >= fromHour) || (days.includes(dayBefore) && hour < toHour)
}

function localTime(at: number, timeZone: string): { weekday: Weekday; hour: number } | undefined {
  const formatter = formatterOf(timeZone)
  if (!formatter) return undefined
  let weekday: Weekday | undefined
  let hour = 0
  for (const { type, value } of formatter.formatToParts(at)) {
    if (type === 'weekday') weekday = WEEK.find((day) => day === value)
    if (type === 'hour') hour = Number(value) % 24
  }
  return weekday && { weekday, hour }
}

/** @returns undefined for a name that no time zone has. */
export function formatterOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone, weekday: 'short', hour: 'numeric', hourCycle: 'h23' })
  } catch {
    return undefined
  }
}
