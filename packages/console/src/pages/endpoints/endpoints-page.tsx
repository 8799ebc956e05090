/** The endpoints of a namespace. */
import { useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { Layers } from 'lucide-react'
import { endpointsQuery } from '../../api/queries.ts'
import { EmptyState } from '../../design/empty-state.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { State } from '../../design/state.tsx'
import { Cell, HeadCell, Row, Table } from '../../design/table.tsx'
import { TimeAgo } from '../../text/time-ago.tsx'

export function EndpointsPage() {
  const { namespace } = useParams({ from: '/endpoints/$namespace' })
  const { data, error, isPending } = useQuery(endpointsQuery(namespace))
  return (
    <Page title="Endpoints" aside={data && <span className="tabular">{data.totalItems}</span>}>
      {isPending && !error && <SkeletonRows rows={6} label="Loading the endpoints" />}
      {error && !data && <ErrorNote error={error} />}
      {data?.items.length === 0 && (
        <EmptyState icon={Layers} title="No endpoints yet">
          An endpoint is a model, an engine and hardware behind one URL that stays.
        </EmptyState>
      )}
      {data && data.items.length > 0 && (
        <Table>
          <thead>
            <tr>
              <HeadCell>Name</HeadCell>
              <HeadCell>State</HeadCell>
              <HeadCell>Model</HeadCell>
              <HeadCell>Replicas</HeadCell>
              <HeadCell>Updated</HeadCell>
            </tr>
          </thead>
          <tbody>
            {data.items.map(({ name, model, compute, status }) => (
              <Row key={name}>
                <Cell className="font-medium">
                  <Link
                    to="/endpoints/$namespace/$name"
                    params={{ namespace, name }}
                    className="hover:underline"
                  >
                    {name}
                  </Link>
                </Cell>
                <Cell>
                  <State state={status.state} />
                </Cell>
                <Cell className="font-mono text-xs text-soft">{model.repository}</Cell>
                <Cell>
                  {status.readyReplica} / {compute.scaling.maxReplica}
                </Cell>
                <Cell className="text-soft">
                  <TimeAgo at={status.updatedAt} />
                </Cell>
              </Row>
            ))}
          </tbody>
        </Table>
      )}
    </Page>
  )
}
