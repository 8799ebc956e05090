/** Models that are worth a try, by what they are for. */
import { Link } from '@tanstack/react-router'
import { Library } from 'lucide-react'
import { useState } from 'react'
import { useNamespace } from '../../app/namespace.ts'
import { type CatalogModel, type CatalogTask, catalogMatches, TASK_WORDS } from '../../catalog/catalog.ts'
import { Badge } from '../../design/badge.tsx'
import { ButtonLink } from '../../design/button.tsx'
import { EmptyState } from '../../design/empty-state.tsx'
import { FilterField } from '../../design/filter-field.tsx'
import { Page } from '../../design/page.tsx'
import { Segmented } from '../../design/tabs.tsx'

const TASKS = Object.entries(TASK_WORDS) as [CatalogTask, string][]

export function CatalogPage() {
  const namespace = useNamespace()
  const [query, setQuery] = useState('')
  const [task, setTask] = useState<CatalogTask | 'all'>('all')
  const models = catalogMatches(query, task === 'all' ? undefined : task)
  return (
    <Page
      title="Catalog"
      aside={<span className="tabular">{models.length}</span>}
      actions={
        <ButtonLink to="/new/$namespace" params={{ namespace }}>
          Deploy another model
        </ButtonLink>
      }
    >
      <div className="mb-4 flex flex-wrap items-center gap-3">
        <FilterField placeholder="Filter by name, author, engine…" value={query} onValue={setQuery} />
        <div className="max-w-full overflow-x-auto">
          <Segmented
            label="Task"
            value={task}
            choices={[{ value: 'all', label: 'All' }, ...TASKS.map(([value, label]) => ({ value, label }))]}
            onValue={setTask}
          />
        </div>
      </div>
      {models.length === 0 ? (
        <EmptyState icon={Library} title="Nothing in the catalog is like that">
          Any repository of the Hub can be deployed by its name.
        </EmptyState>
      ) : (
        <ul className="grid grid-cols-1 gap-3 sm:grid-cols-2 xl:grid-cols-3">
          {models.map((model) => (
            <CatalogCard key={model.repository} model={model} namespace={namespace} />
          ))}
        </ul>
      )}
    </Page>
  )
}

function CatalogCard({ model, namespace }: { readonly model: CatalogModel; readonly namespace: string }) {
  return (
    <li className="relative flex flex-col rounded-lg border border-line bg-surface p-4 transition-colors hover:border-line-strong hover:bg-hover">
      <div className="flex items-baseline justify-between gap-3">
        <h2 className="min-w-0 font-semibold">
          <Link
            to="/new/$namespace"
            params={{ namespace }}
            search={{ model: model.repository, ...(model.file !== undefined && { file: model.file }) }}
            className="after:absolute after:inset-0 after:rounded-lg focus-visible:outline-none focus-visible:after:outline-2 focus-visible:after:outline-focus"
          >
            {model.title}
          </Link>
        </h2>
        <span className="tabular shrink-0 text-xs text-soft">{model.parameters}</span>
      </div>
      <p className="mt-0.5 font-mono text-xs text-soft">{model.repository}</p>
      <p className="mt-2 mb-3 text-soft">{model.why}</p>
      <div className="mt-auto flex flex-wrap gap-1.5">
        <Badge tone="accent">{TASK_WORDS[model.task]}</Badge>
        <Badge>{model.engine}</Badge>
        <Badge>
          {model.accelerator === 'gpu' ? 'GPU' : 'CPU'}, {model.memoryGb} GB
        </Badge>
        <Badge>{model.licence}</Badge>
      </div>
    </li>
  )
}
