/** The name of a line: its time, its number and its replica, in an order that is that of the lines. */

export type LineId = { readonly at: number; readonly number: number; readonly replica: string }

export const lineId = ({ at, number, replica }: LineId): string => `${at}.${number}.${replica}`

export function parseLineId(text: string | undefined): LineId | undefined {
  const [, at, number, replica] = /^(\d{1,15})\.(\d{1,15})\.([a-z0-9-]{1,60})$/.exec(text ?? '') ?? []
  return replica === undefined ? undefined : { at: Number(at), number: Number(number), replica }
}

/** By time; of the same time, by replica and then as they came. */
export const compareLines = (a: LineId, b: LineId) =>
  a.at - b.at || (a.replica < b.replica ? -1 : a.replica > b.replica ? 1 : a.number - b.number)
