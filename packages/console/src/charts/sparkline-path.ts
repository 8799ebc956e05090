/** Where the line of a sparkline goes. Pure. */

export type SparklinePath = { readonly line: string; readonly area: string }

/** From the left edge to the right one, from zero at the bottom to the greatest value at the top; a gap is zero. */
export function sparklinePath(
  values: readonly (number | null)[],
  width: number,
  height: number,
): SparklinePath {
  const heights = values.map((value) => value ?? 0)
  const greatest = Math.max(0, ...heights)
  const inset = 1
  const x = (index: number) => round((index / Math.max(1, heights.length - 1)) * width)
  const y = (value: number) =>
    round(height - inset - (greatest === 0 ? 0 : (value / greatest) * (height - 2 * inset)))
  const points = heights.length < 2 ? [heights[0] ?? 0, heights[0] ?? 0] : heights
  const spread = heights.length < 2 ? (index: number) => index * width : x
  const line = points.map((value, index) => `${index === 0 ? 'M' : 'L'}${spread(index)} ${y(value)}`).join('')
  return { line, area: `${line}L${width} ${height}L0 ${height}Z` }
}

const round = (value: number) => Math.round(value * 10) / 10
