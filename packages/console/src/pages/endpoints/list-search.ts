/** How the list is looked at, as the address keeps it: so that it can be sent to somebody, and found again. */
import type { EndpointState } from '@berth/contract'
import { STATE_LOOKS } from '../../design/state.tsx'
import { COLUMNS, type ColumnId, type ListView } from './endpoint-row.ts'

export type ListSearch = {
  readonly q?: string
  readonly state?: EndpointState
  readonly sort?: ColumnId
  readonly order?: 'desc'
}

export function listSearch(search: Readonly<Record<string, unknown>>): ListSearch {
  const { q, state, sort, order } = search
  const column = COLUMNS.find((one) => one.id === sort)
  return {
    ...((typeof q === 'string' || typeof q === 'number') && q !== '' && { q: String(q) }),
    ...(typeof state === 'string' && isState(state) && { state }),
    ...(column && { sort: column.id }),
    ...(order === 'desc' && { order }),
  }
}

export const isState = (text: string): text is EndpointState => Object.hasOwn(STATE_LOOKS, text)

export function viewOf({ q, state, sort, order }: ListSearch): ListView {
  return {
    filter: q ?? '',
    state,
    sort: sort ?? 'updated',
    descending: sort === undefined ? true : order === 'desc',
  }
}
