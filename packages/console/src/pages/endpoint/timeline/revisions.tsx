/** Every accepted change, and the way back to it. */
import type { UpdatePlan } from '@berth/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Undo2 } from 'lucide-react'
import { useState } from 'react'
import { client } from '../../../api/client.ts'
import { revisionsQuery } from '../../../api/queries.ts'
import { Badge } from '../../../design/badge.tsx'
import { Button } from '../../../design/button.tsx'
import { Card } from '../../../design/card.tsx'
import { Dialog } from '../../../design/dialog.tsx'
import { ErrorNote, Note } from '../../../design/note.tsx'
import { SkeletonRows } from '../../../design/skeleton.tsx'
import { toast } from '../../../design/toast.tsx'
import { ImageDigest } from '../../../text/image-digest.tsx'
import { TimeAgo } from '../../../text/time-ago.tsx'
import { ChangesTable } from '../changes-table.tsx'
import { useEndpoint } from '../endpoint-context.ts'

export function Revisions() {
  const { namespace, name } = useEndpoint()
  const { data, error } = useQuery(revisionsQuery(namespace, name))
  const [goingBackTo, setGoingBackTo] = useState<number>()
  return (
    <Card title="Revisions" bodyClassName="flex flex-col">
      {error && !data ? (
        <div className="p-3">
          <ErrorNote error={error} />
        </div>
      ) : !data ? (
        <div className="p-4">
          <SkeletonRows rows={3} label="Loading revisions" />
        </div>
      ) : (
        <ol className="divide-y divide-line">
          {data.items.map((revision, place) => (
            <li key={revision.number} className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2">
              <span className="w-8 font-medium tabular">{revision.number}</span>
              {place === 0 && <Badge tone="good">now</Badge>}
              <span className="min-w-32 flex-1 text-soft">
                {revision.createdBy.name}, <TimeAgo at={revision.createdAt} />
              </span>
              {place > 0 && (
                <Button size="sm" icon={Undo2} onClick={() => setGoingBackTo(revision.number)}>
                  Go back to it
                </Button>
              )}
              {revision.imageDigest && (
                <span className="basis-full text-soft">
                  <ImageDigest image={revision.imageDigest} short />
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
      {goingBackTo !== undefined && (
        <GoBack revision={goingBackTo} onClose={() => setGoingBackTo(undefined)} />
      )}
    </Card>
  )
}

function GoBack({ revision, onClose }: { readonly revision: number; readonly onClose: () => void }) {
  const { namespace, name } = useEndpoint()
  const queries = useQueryClient()
  const call = { params: { namespace, name }, body: { revision } }
  const { data: plan, error } = useQuery({
    queryKey: ['endpoint', namespace, name, 'plan-rollback', revision],
    queryFn: ({ signal }) => client.planRollback({ ...call, signal }),
    staleTime: 0,
    retry: false,
  })
  const back = useMutation({
    mutationFn: () => client.rollbackEndpoint(call),
    onSuccess: (endpoint) => {
      queries.setQueryData(['endpoint', namespace, name], endpoint)
      void queries.invalidateQueries({ queryKey: ['endpoint', namespace, name] })
      toast.done(`${name} is back at revision ${revision}.`)
      onClose()
    },
  })
  const nothing = plan?.changes.length === 0 ? 'It is the same as what runs now.' : undefined
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={`Go back to revision ${revision}`}
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            look="primary"
            refusal={nothing}
            busy={!plan || back.isPending}
            onClick={() => back.mutate()}
          >
            Go back
          </Button>
        </>
      }
    >
      <div className="flex flex-col gap-3">
        {(error ?? back.error) && <ErrorNote error={error ?? back.error} />}
        {plan && <PlanText plan={plan} />}
      </div>
    </Dialog>
  )
}

/** What a change does to what runs. */
export function PlanText({ plan }: { readonly plan: UpdatePlan }) {
  return (
    <>
      <Note tone={plan.restarts ? 'warn' : 'calm'}>{plan.reason}</Note>
      {plan.changes.length > 0 && <ChangesTable changes={plan.changes} />}
    </>
  )
}
