/** What a row of the list shows of an endpoint, and how rows are found and put in order. Pure. */
import type { EndpointState, EndpointWithStatus } from '@berth/contract'

export type EndpointRow = {
  readonly endpoint: EndpointWithStatus
  readonly name: string
  readonly state: EndpointState
  readonly model: string
  readonly engine: string
  readonly instance: string
  readonly task: string
  readonly access: string
  readonly tags: readonly string[]
  readonly replicas: number
  readonly maxReplicas: number
  /** Of all replicas that are asked for now; undefined while the price is unknown. */
  readonly costPerHour: number | undefined
  readonly url: string
  readonly createdAt: number
  readonly createdBy: string
  readonly updatedAt: number
  readonly updatedBy: string
  readonly lastUsedAt: number | undefined
  /** Everything that a filter looks at, in lower case. */
  readonly words: string
}

export function endpointRow(endpoint: EndpointWithStatus, prices: ReadonlyMap<string, number>): EndpointRow {
  const { name, model, compute, status, tags, type, provider } = endpoint
  const price = prices.get(compute.id)
  const engine = endpoint.engine ?? Object.keys(model.image)[0] ?? ''
  const instance = `${compute.instanceType} ${compute.instanceSize}`
  return {
    endpoint,
    name,
    state: status.state,
    model: model.repository,
    engine,
    instance,
    task: model.task ?? '',
    access: type,
    tags,
    replicas: status.readyReplica,
    maxReplicas: compute.scaling.maxReplica,
    costPerHour: price === undefined ? undefined : price * status.targetReplica,
    url: status.url ?? '',
    createdAt: Date.parse(status.createdAt),
    createdBy: status.createdBy.name,
    updatedAt: Date.parse(status.updatedAt),
    updatedBy: status.updatedBy.name,
    lastUsedAt: status.lastUsedAt === null ? undefined : Date.parse(status.lastUsedAt),
    words: [name, model.repository, model.task, engine, instance, provider.vendor, provider.region, ...tags]
      .join(' ')
      .toLowerCase(),
  }
}

export type ColumnId =
  | 'name'
  | 'state'
  | 'model'
  | 'engine'
  | 'instance'
  | 'replicas'
  | 'requests'
  | 'cost'
  | 'task'
  | 'access'
  | 'tags'
  | 'url'
  | 'created'
  | 'createdBy'
  | 'updated'
  | 'updatedBy'
  | 'lastUsed'

export type Column = {
  readonly id: ColumnId
  readonly title: string
  /** How wide it is, at least where it grows. */
  readonly widthRem: number
  /** Its share of the width that is left over. */
  readonly grow?: number
  readonly chosenAtFirst: boolean
  readonly order?: (row: EndpointRow) => string | number
}

export const COLUMNS: readonly Column[] = [
  { id: 'name', title: 'Name', widthRem: 9, grow: 1.4, chosenAtFirst: true, order: (row) => row.name },
  {
    id: 'state',
    title: 'State',
    widthRem: 8.5,
    chosenAtFirst: true,
    order: (row) => STATE_ORDER.indexOf(row.state),
  },
  { id: 'model', title: 'Model', widthRem: 10, grow: 2, chosenAtFirst: true, order: (row) => row.model },
  { id: 'task', title: 'Task', widthRem: 10, chosenAtFirst: false, order: (row) => row.task },
  { id: 'engine', title: 'Engine', widthRem: 6.5, chosenAtFirst: true, order: (row) => row.engine },
  { id: 'instance', title: 'Instance', widthRem: 7, chosenAtFirst: true, order: (row) => row.instance },
  { id: 'replicas', title: 'Replicas', widthRem: 5.5, chosenAtFirst: true, order: (row) => row.replicas },
  { id: 'requests', title: 'Requests, 1 h', widthRem: 7, chosenAtFirst: true },
  { id: 'cost', title: 'Cost', widthRem: 5.5, chosenAtFirst: true, order: (row) => row.costPerHour ?? -1 },
  {
    id: 'tags',
    title: 'Tags',
    widthRem: 7,
    grow: 1,
    chosenAtFirst: false,
    order: (row) => row.tags.join(' '),
  },
  { id: 'access', title: 'Access', widthRem: 7, chosenAtFirst: false, order: (row) => row.access },
  { id: 'url', title: 'URL', widthRem: 12, grow: 2, chosenAtFirst: false, order: (row) => row.url },
  { id: 'created', title: 'Created', widthRem: 6.5, chosenAtFirst: false, order: (row) => row.createdAt },
  {
    id: 'createdBy',
    title: 'Created by',
    widthRem: 7,
    chosenAtFirst: false,
    order: (row) => row.createdBy,
  },
  { id: 'updated', title: 'Updated', widthRem: 6.5, chosenAtFirst: true, order: (row) => row.updatedAt },
  {
    id: 'updatedBy',
    title: 'Updated by',
    widthRem: 7,
    chosenAtFirst: false,
    order: (row) => row.updatedBy,
  },
  {
    id: 'lastUsed',
    title: 'Last used',
    widthRem: 6.5,
    chosenAtFirst: false,
    order: (row) => row.lastUsedAt ?? 0,
  },
]

/** What needs somebody comes first. */
const STATE_ORDER: readonly EndpointState[] = [
  'failed',
  'updateFailed',
  'pending',
  'initializing',
  'updating',
  'running',
  'scaledToZero',
  'paused',
]

export type ListView = {
  /** Every word of it must occur. */
  readonly filter: string
  readonly state: EndpointState | undefined
  readonly sort: ColumnId
  readonly descending: boolean
}

export function visibleRows(rows: readonly EndpointRow[], view: ListView): readonly EndpointRow[] {
  const words = view.filter.toLowerCase().split(/\s+/).filter(Boolean)
  const found = rows.filter(
    (row) =>
      (view.state === undefined || row.state === view.state) &&
      words.every((word) => row.words.includes(word)),
  )
  const order = COLUMNS.find((column) => column.id === view.sort)?.order
  if (!order) return found
  const direction = view.descending ? -1 : 1
  return found
    .map((row) => ({ row, key: order(row) }))
    .toSorted((a, b) => direction * compared(a.key, b.key) || compared(a.row.name, b.row.name))
    .map(({ row }) => row)
}

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })

function compared(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b))
}
