/** Times and durations as people read them. Pure: `now` is an argument. */

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** "just now", "5 min ago", "in 3 days": how far from `now`, in the largest unit that says enough. */
export function relativeTime(at: number, now: number): string {
  const distance = Math.abs(now - at)
  const said =
    distance < 45_000
      ? undefined
      : distance < HOUR_MS
        ? `${Math.max(1, Math.round(distance / MINUTE_MS))} min`
        : distance < DAY_MS
          ? `${Math.round(distance / HOUR_MS)} h`
          : distance < 60 * DAY_MS
            ? days(Math.round(distance / DAY_MS))
            : undefined
  if (said) return at <= now ? `${said} ago` : `in ${said}`
  if (distance < 45_000) return at <= now ? 'just now' : 'in a moment'
  return shortDate(at, now)
}

const days = (number: number) => `${number} ${number === 1 ? 'day' : 'days'}`

/** "27 Nov", with the year when it is another one. */
export function shortDate(at: number, now: number): string {
  const date = new Date(at)
  const year = date.getFullYear() === new Date(now).getFullYear() ? '' : ` ${date.getFullYear()}`
  return `${date.getDate()} ${MONTHS[date.getMonth()]}${year}`
}

/** To the second, in the reader's own time zone: for tooltips and tables. */
export function fullTime(at: number): string {
  const date = new Date(at)
  const two = (value: number) => String(value).padStart(2, '0')
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
  return `${date.getDate()} ${MONTHS[date.getMonth()]} ${date.getFullYear()}, ${clock}`
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** "850 ms", "4.2 s", "3 min 20 s", "2 h 5 min". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < MINUTE_MS) return `${Math.round(ms / 1_000)} s`
  if (ms < HOUR_MS) return two(ms, MINUTE_MS, 'min', 1_000, 's')
  if (ms < 2 * DAY_MS) return two(ms, HOUR_MS, 'h', MINUTE_MS, 'min')
  return days(Math.round(ms / DAY_MS))
}

function two(ms: number, large: number, largeName: string, small: number, smallName: string): string {
  const whole = Math.floor(ms / large)
  const rest = Math.floor((ms % large) / small)
  return rest === 0 ? `${whole} ${largeName}` : `${whole} ${largeName} ${rest} ${smallName}`
}
