/** A few values as one small line: how it went, not how much. */
import { sparklinePath } from './sparkline-path.ts'

const WIDTH = 72
const HEIGHT = 18

export function Sparkline({
  values,
  label,
}: {
  readonly values: readonly (number | null)[]
  readonly label: string
}) {
  const { line, area } = sparklinePath(values, WIDTH, HEIGHT)
  return (
    <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={label}>
      <path d={area} className="fill-accent-soft" />
      <path d={line} className="fill-none stroke-accent" strokeWidth="1.25" strokeLinejoin="round" />
    </svg>
  )
}
