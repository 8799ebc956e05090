/** The cosine of the angle between two vectors: 1 for the same direction. Pure. */
export function cosineOf(a: readonly number[], b: readonly number[]): number {
  let [dot, ofA, ofB] = [0, 0, 0]
  for (const [i, value] of a.entries()) {
    const other = b[i] ?? 0
    dot += value * other
    ofA += value * value
    ofB += other * other
  }
  return ofA === 0 || ofB === 0 ? 0 : dot / Math.sqrt(ofA * ofB)
}
