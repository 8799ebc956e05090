/** Which model: from the catalog, by its name on the Hub, or a directory of this machine. */
import { ArrowRight } from 'lucide-react'
import { type FormEvent, useState } from 'react'
import { type CatalogModel, catalogMatches, TASK_WORDS } from '../../catalog/catalog.ts'
import { Button } from '../../design/button.tsx'
import { Field, Input } from '../../design/field.tsx'
import { HubModels } from './hub-models.tsx'

export function ModelChoice({ onChoose }: { readonly onChoose: (model: string, file?: string) => void }) {
  const [query, setQuery] = useState('')
  const typed = query.trim()
  const isAddress = /^(?:[\w.-]+\/[\w.-]+|file:\/.+)$/.test(typed)
  const found = catalogMatches(isAddress ? '' : typed)
  const submit = (event: FormEvent) => {
    event.preventDefault()
    if (isAddress) onChoose(typed)
    else if (found.length === 1) onChoose(found[0]!.repository, found[0]!.file)
  }
  return (
    <div className="flex flex-col gap-6">
      <form onSubmit={submit} className="flex items-start gap-2">
        <Field
          label="Model"
          className="flex-1"
          help={
            <>
              A repository on the Hub (<code className="font-mono">org/name</code>), a directory of this
              machine (<code className="font-mono">file:/path</code>), or words to find one by.
            </>
          }
        >
          <Input
            autoFocus
            data-filter
            value={query}
            onValue={setQuery}
            placeholder="Qwen/Qwen2.5-0.5B-Instruct-GGUF"
            className="h-9"
          />
        </Field>
        <Button
          type="submit"
          look="primary"
          className="mt-6.5 h-9"
          refusal={
            isAddress || found.length === 1 ? undefined : 'Type a repository, or choose a model below.'
          }
        >
          Configure
          <ArrowRight className="size-3.5" aria-hidden />
        </Button>
      </form>
      <HubModels words={isAddress || typed.startsWith('file:') ? '' : typed} onChoose={onChoose} />
      <section aria-label="Catalog" className="grid grid-cols-1 gap-3 sm:grid-cols-2">
        {found.map((model) => (
          <CatalogTile key={model.repository} model={model} onChoose={onChoose} />
        ))}
        {found.length === 0 && (
          <p className="text-soft sm:col-span-2">
            The catalog has nothing like that. Any repository of the Hub can be deployed by its name.
          </p>
        )}
      </section>
    </div>
  )
}

function CatalogTile({
  model,
  onChoose,
}: {
  readonly model: CatalogModel
  readonly onChoose: (model: string, file?: string) => void
}) {
  return (
    <button
      type="button"
      onClick={() => onChoose(model.repository, model.file)}
      className="flex flex-col items-start gap-1 rounded-lg border border-line bg-surface p-4 text-left transition-colors hover:border-line-strong hover:bg-hover"
    >
      <span className="flex w-full items-baseline justify-between gap-3">
        <span className="min-w-0 font-semibold">{model.title}</span>
        <span className="shrink-0 text-xs text-soft">{model.parameters}</span>
      </span>
      <span className="text-xs text-soft">
        {TASK_WORDS[model.task]} · {model.engine} · {model.accelerator === 'gpu' ? 'GPU, ' : ''}
        {model.memoryGb} GB
      </span>
      <span className="mt-1 text-sm text-soft">{model.why}</span>
    </button>
  )
}
