/** A new endpoint: first a model, then everything about it as Berth recommends it, to be changed. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { endpointQuery, recommendationQuery, vendorsQuery } from '../../api/queries.ts'
import { Button } from '../../design/button.tsx'
import { ErrorNote, Note } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { Skeleton } from '../../design/skeleton.tsx'
import { EndpointFormView } from './endpoint-form-view.tsx'
import { instancesOf } from './instances.ts'
import { ModelChoice } from './model-choice.tsx'
import { blankDraft, copyOf, type NewDraft, newDraftOf } from './new-draft.ts'

export function NewEndpointPage() {
  const { namespace } = useParams({ from: '/new/$namespace' })
  const { model, file, from } = useSearch({ from: '/new/$namespace' })
  const navigate = useNavigate({ from: '/new/$namespace' })
  const choose = (chosen: string, itsFile?: string) =>
    void navigate({ search: { model: chosen, ...(itsFile !== undefined && { file: itsFile }) } })
  if (from !== undefined) {
    return (
      <Page title="New endpoint" aside={<span>A copy of {from}</span>}>
        <Copy key={from} namespace={namespace} original={from} />
      </Page>
    )
  }
  if (model === undefined) {
    return (
      <Page title="New endpoint" narrow>
        <ModelChoice onChoose={choose} />
      </Page>
    )
  }
  return (
    <Page
      title="New endpoint"
      aside={
        <span className="flex flex-wrap items-center gap-2">
          <code className="font-mono text-xs">{model}</code>
          <Button size="sm" look="quiet" onClick={() => void navigate({ search: {} })}>
            Choose another model
          </Button>
        </span>
      }
    >
      <Recommended key={`${model} ${file}`} namespace={namespace} model={model} file={file} />
    </Page>
  )
}

/** The form filled in as another endpoint is. What that one becomes meanwhile does not change what is typed here. */
function Copy({ namespace, original }: { readonly namespace: string; readonly original: string }) {
  const { data: endpoint, error } = useQuery(endpointQuery(namespace, original))
  const { data: hardware } = useQuery(vendorsQuery(namespace))
  if (endpoint) {
    const first = copyOf(endpoint)
    return (
      <div className="flex flex-col gap-5">
        {first.of.secrets.length > 0 && (
          <Note tone="calm">
            Secrets are never read back: give the values of {original} again, or leave them out.
          </Note>
        )}
        <EndpointFormView
          namespace={namespace}
          first={first}
          draftKey={`copy:${namespace}/${original}`}
          instances={instancesOf(hardware)}
        />
      </div>
    )
  }
  return error ? <ErrorNote error={error} /> : <FormSkeleton label={`Reading ${original}`} />
}

/** The form as recommended, once that is known; by hand where it cannot be. */
function Recommended({
  namespace,
  model,
  file,
}: {
  readonly namespace: string
  readonly model: string
  readonly file: string | undefined
}) {
  const recommendation = useQuery(
    recommendationQuery(namespace, { repository: model, ...(file && { file }) }),
  )
  const { data: hardware } = useQuery(vendorsQuery(namespace))
  const [byHand, setByHand] = useState(false)
  const instances = instancesOf(hardware)
  const { data, error } = recommendation
  const form = (first: NewDraft) => (
    <EndpointFormView
      namespace={namespace}
      first={first}
      draftKey={`new:${namespace}/${model}:${file ?? ''}`}
      instances={instances}
    />
  )

  if (data?.endpoint) {
    return form(newDraftOf(data.endpoint))
  }
  const smallest = instances.find((one) => one.accelerator === 'cpu') ?? instances[0]
  if (byHand && smallest) {
    const { vendor, region, accelerator, instanceType, instanceSize } = smallest
    return form(blankDraft(model, { vendor, region, accelerator, instanceType, instanceSize }))
  }
  const configure = (
    <Button size="sm" onClick={() => setByHand(true)}>
      Configure it by hand
    </Button>
  )
  if (error) {
    return (
      <ErrorNote
        error={error}
        actions={
          <>
            <Button size="sm" busy={recommendation.isFetching} onClick={() => void recommendation.refetch()}>
              Try again
            </Button>
            {configure}
          </>
        }
      />
    )
  }
  if (data) {
    const why = [...data.notes, ...data.refusals.map(({ engine, reason }) => `${engine}: ${reason}`)]
    return (
      <ErrorNote
        error={new Error(why.join(' ') || 'Berth cannot recommend anything for it.')}
        actions={configure}
      />
    )
  }
  return <FormSkeleton label="Looking at the model" />
}

function FormSkeleton({ label }: { readonly label: string }) {
  return (
    <div role="status" aria-label={label} className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
      <div className="flex flex-col gap-4">
        <Skeleton className="h-24 w-full rounded-lg" />
        <Skeleton className="h-56 w-full rounded-lg" />
        <Skeleton className="h-40 w-full rounded-lg" />
      </div>
      <Skeleton className="h-72 w-full rounded-lg" />
    </div>
  )
}
