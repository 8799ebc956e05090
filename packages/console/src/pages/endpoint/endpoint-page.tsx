/**
 * The frame of an endpoint's page: its name, its state, what can be done to it, and the tabs.
 *
 * Each tab is a file of its own and reads the endpoint with `useEndpoint`.
 */
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { Outlet, useNavigate, useParams } from '@tanstack/react-router'
import { CircleArrowUp, Copy, Ellipsis, type LucideIcon, Moon, Pause, Play, Trash2 } from 'lucide-react'
import { Suspense, useState } from 'react'
import { ApiError } from '../../api/client.ts'
import {
  ACTION_WORDS,
  actionRefusal,
  type EndpointAction,
  firstAction,
  useEndpointAction,
} from '../../api/endpoint-actions.ts'
import { endpointQuery } from '../../api/queries.ts'
import { Badge } from '../../design/badge.tsx'
import { Button, ButtonLink, IconButton } from '../../design/button.tsx'
import { Confirm } from '../../design/dialog.tsx'
import { EmptyState } from '../../design/empty-state.tsx'
import { Menu } from '../../design/menu.tsx'
import { ErrorNote, Note } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { Skeleton } from '../../design/skeleton.tsx'
import { State } from '../../design/state.tsx'
import { TabLink, TabLinks } from '../../design/tabs.tsx'
import { EndpointContext } from './endpoint-context.ts'

const ICONS: Readonly<Record<EndpointAction, LucideIcon>> = {
  pause: Pause,
  resume: Play,
  wake: CircleArrowUp,
  scaleToZero: Moon,
  delete: Trash2,
}

export function EndpointPage() {
  const { namespace, name } = useParams({ from: '/endpoints/$namespace/$name' })
  const { data: endpoint, error } = useQuery(endpointQuery(namespace, name))

  const isGone = error instanceof ApiError && error.code === 'not_found'
  if (isGone && !endpoint) return <NeverThere namespace={namespace} name={name} />
  if (!endpoint) {
    return (
      <Page title={name}>
        {error ? <ErrorNote error={error} /> : <Skeleton className="h-72 w-full rounded-lg" />}
      </Page>
    )
  }
  const params = { namespace, name }
  return (
    <Page
      title={name}
      heading={name}
      aside={isGone ? <Badge>deleted</Badge> : <State state={endpoint.status.state} />}
      actions={!isGone && <Actions namespace={namespace} name={name} />}
    >
      {isGone && <DeletedMeanwhile namespace={namespace} name={name} />}
      <TabLinks label="Endpoint">
        <TabLink to="/endpoints/$namespace/$name" params={params} activeOptions={{ exact: true }}>
          Overview
        </TabLink>
        <TabLink to="/endpoints/$namespace/$name/playground" params={params}>
          Playground
        </TabLink>
        <TabLink to="/endpoints/$namespace/$name/analytics" params={params}>
          Analytics
        </TabLink>
        <TabLink to="/endpoints/$namespace/$name/logs" params={params}>
          Logs
        </TabLink>
        <TabLink to="/endpoints/$namespace/$name/timeline" params={params}>
          Timeline
        </TabLink>
        <TabLink to="/endpoints/$namespace/$name/settings" params={params}>
          Settings
        </TabLink>
      </TabLinks>
      <div className="pt-5">
        <EndpointContext value={endpoint}>
          <Suspense fallback={<Skeleton className="h-64 w-full rounded-lg" />}>
            <Outlet />
          </Suspense>
        </EndpointContext>
      </div>
    </Page>
  )
}

function Actions({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  const { data: endpoint } = useQuery(endpointQuery(namespace, name))
  const action = useEndpointAction(namespace, name)
  const [isDeleting, setDeleting] = useState(false)
  const navigate = useNavigate()
  const queries = useQueryClient()
  if (!endpoint) return null
  const first = firstAction(endpoint.status.state)
  const rest = (['pause', 'scaleToZero'] as const).filter((one) => one !== first)
  return (
    <>
      <Button
        icon={ICONS[first]}
        refusal={actionRefusal(first, endpoint)}
        busy={action.isPending && action.variables === first}
        onClick={() => action.mutate(first)}
      >
        {ACTION_WORDS[first].label}
      </Button>
      <Menu
        align="end"
        trigger={<IconButton icon={Ellipsis} label="More actions" />}
        items={({ MenuItem, MenuLine }) => (
          <>
            {rest.map((one) => (
              <MenuItem
                key={one}
                icon={ICONS[one]}
                refusal={actionRefusal(one, endpoint)}
                onSelect={() => action.mutate(one)}
              >
                {ACTION_WORDS[one].label}
              </MenuItem>
            ))}
            <MenuItem
              icon={Copy}
              onSelect={() =>
                void navigate({ to: '/new/$namespace', params: { namespace }, search: { from: name } })
              }
            >
              Clone…
            </MenuItem>
            <MenuLine />
            <MenuItem icon={Trash2} danger onSelect={() => setDeleting(true)}>
              Delete…
            </MenuItem>
          </>
        )}
      />
      <Confirm
        open={isDeleting}
        onClose={() => setDeleting(false)}
        title={`Delete ${name}?`}
        description="Its replicas stop, and its URL answers no more. Its revisions, logs and settings are gone for good."
        action="Delete the endpoint"
        danger
        typedName={name}
        busy={action.isPending}
        onConfirm={() =>
          action.mutate('delete', {
            onSuccess: () => {
              void navigate({ to: '/endpoints/$namespace', params: { namespace } })
              queries.removeQueries({ queryKey: ['endpoint', namespace, name] })
            },
            onSettled: () => setDeleting(false),
          })
        }
      />
    </>
  )
}

type Place = { readonly namespace: string; readonly name: string }

/** Whoever was typing here may still want the text, so the page stays as it was. */
function DeletedMeanwhile({ namespace, name }: Place) {
  return (
    <Note
      tone="warn"
      className="mb-5"
      actions={
        <ButtonLink size="sm" to="/endpoints/$namespace" params={{ namespace }}>
          All endpoints
        </ButtonLink>
      }
    >
      {name} was deleted while this page was open. What you see is from before, and nothing here can be saved
      any more.
    </Note>
  )
}

function NeverThere({ namespace, name }: Place) {
  return (
    <Page title={name}>
      <EmptyState
        icon={Trash2}
        title={`There is no endpoint ${name} in ${namespace}`}
        actions={
          <ButtonLink to="/endpoints/$namespace" params={{ namespace }}>
            All endpoints
          </ButtonLink>
        }
      >
        It may have been deleted, or the address was mistyped.
      </EmptyState>
    </Page>
  )
}
