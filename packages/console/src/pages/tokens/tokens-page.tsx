/** Access tokens: what shows who asks. */
import { useQuery } from '@tanstack/react-query'
import { tokensQuery } from '../../api/queries.ts'
import { Badge } from '../../design/badge.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { Cell, HeadCell, Row, Table } from '../../design/table.tsx'
import { TimeAgo } from '../../text/time-ago.tsx'

export function TokensPage() {
  const { data, error } = useQuery(tokensQuery())
  return (
    <Page title="Tokens">
      {error && !data && <ErrorNote error={error} />}
      {!error && !data && <SkeletonRows rows={3} label="Loading the tokens" />}
      {data && (
        <Table>
          <thead>
            <tr>
              <HeadCell>Name</HeadCell>
              <HeadCell>Begins with</HeadCell>
              <HeadCell>Role</HeadCell>
              <HeadCell>Created</HeadCell>
              <HeadCell>Expires</HeadCell>
            </tr>
          </thead>
          <tbody>
            {data.items.map((token) => (
              <Row key={token.id}>
                <Cell className="font-medium">{token.name}</Cell>
                <Cell className="font-mono text-xs">{token.prefix}…</Cell>
                <Cell>
                  <Badge>{token.role}</Badge>
                </Cell>
                <Cell className="text-soft">
                  <TimeAgo at={token.createdAt} />
                </Cell>
                <Cell className="text-soft">
                  {token.expiresAt ? <TimeAgo at={token.expiresAt} /> : 'never'}
                </Cell>
              </Row>
            ))}
          </tbody>
        </Table>
      )}
    </Page>
  )
}
