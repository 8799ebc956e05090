/** Which columns the list shows: what this browser was told last. */
import { useState } from 'react'
import { COLUMNS, type Column, type ColumnId } from './endpoint-row.ts'

const KEY = 'berth.endpoint-columns'

export type ChosenColumns = {
  readonly columns: readonly Column[]
  isChosen(id: ColumnId): boolean
  choose(id: ColumnId, chosen: boolean): void
}

export function useChosenColumns(): ChosenColumns {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(read)
  return {
    columns: COLUMNS.filter((column) => chosen.has(column.id)),
    isChosen: (id) => chosen.has(id),
    choose(id, isChosen) {
      const next = new Set(chosen)
      if (isChosen) next.add(id)
      else next.delete(id)
      setChosen(next)
      write(next)
    },
  }
}

function read(): ReadonlySet<string> {
  const atFirst = COLUMNS.filter((column) => column.chosenAtFirst).map((column) => column.id)
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(KEY) ?? 'null')
    return new Set(Array.isArray(kept) ? ['name', ...kept.map(String)] : atFirst)
  } catch {
    return new Set(atFirst)
  }
}

function write(chosen: ReadonlySet<string>): void {
  try {
    localStorage.setItem(KEY, JSON.stringify([...chosen]))
  } catch {
    // Then the choice holds until the page is left.
  }
}
