/** What a change makes of which field. */
import type { Change } from '@berth/contract'

export function ChangesTable({ changes }: { readonly changes: readonly Change[] }) {
  return (
    <div className="overflow-x-auto rounded-md border border-line">
      <table className="w-full text-left text-xs">
        <thead className="bg-well text-soft">
          <tr>
            <th className="px-3 py-1.5 font-medium">Field</th>
            <th className="px-3 py-1.5 font-medium">From</th>
            <th className="px-3 py-1.5 font-medium">To</th>
          </tr>
        </thead>
        <tbody className="divide-y divide-line font-mono">
          {changes.map(({ path, from, to }) => (
            <tr key={path} className="align-top">
              <td className="px-3 py-1.5">{path}</td>
              <td className="px-3 py-1.5 text-bad">{valueText(from)}</td>
              <td className="px-3 py-1.5 text-good">{valueText(to)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

const valueText = (value: unknown): string =>
  value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value)
