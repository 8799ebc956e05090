/** What stands in the place of a page: while it is fetched, when it failed, when there is none. */
import type { ErrorComponentProps } from '@tanstack/react-router'
import { Compass, Unplug } from 'lucide-react'
import { ApiError } from '../api/client.ts'
import { Button, ButtonLink } from '../design/button.tsx'
import { EmptyState } from '../design/empty-state.tsx'
import { Page } from '../design/page.tsx'
import { Skeleton } from '../design/skeleton.tsx'
import { sentenceOf } from '../text/sentence-of.ts'

export function PagePending() {
  return (
    <div role="status" aria-label="Loading" className="mx-auto w-full max-w-[96rem] px-4 pt-7 sm:px-7">
      <Skeleton className="h-6 w-48" />
      <Skeleton className="mt-8 h-64 w-full" />
    </div>
  )
}

export function PageFailed({ error, reset }: ErrorComponentProps) {
  if (error instanceof ApiError && error.code === 'not_found') return <NotFound sentence={error.message} />
  return (
    <Page title="Something went wrong">
      <EmptyState
        icon={Unplug}
        title="This page could not be shown"
        actions={<Button onClick={reset}>Try again</Button>}
      >
        {sentenceOf(error)}
      </EmptyState>
    </Page>
  )
}

export function NotFound({ sentence }: { readonly sentence?: string | undefined }) {
  return (
    <Page title="Not found">
      <EmptyState
        icon={Compass}
        title="There is nothing at this address"
        actions={<ButtonLink to="/">Go to the endpoints</ButtonLink>}
      >
        {sentence ?? 'It may have been deleted, or the address was mistyped.'}
      </EmptyState>
    </Page>
  )
}
