/** One line or one colour of bars in a chart. */
export type ChartSeries = {
  readonly label: string
  /** The name of a colour of the design, such as `series-1`. */
  readonly colour: string
  /** One for each time; null where nothing was measured. */
  readonly values: readonly (number | null)[]
}

/**
 * Series on top of each other, the tallest sum first: drawn in this order, each covers the lower part of the one before.
 * A gap counts nothing and stays a gap where every series has one.
 */
export function stacked(
  series: readonly (readonly (number | null)[])[],
): readonly (readonly (number | null)[])[] {
  return series.map((one, index) =>
    one.map((own, at) => {
      const above = series.slice(index).map((other) => other[at] ?? null)
      return own === null && above.every((value) => value === null)
        ? null
        : above.reduce<number>((sum, value) => sum + (value ?? 0), 0)
    }),
  )
}
