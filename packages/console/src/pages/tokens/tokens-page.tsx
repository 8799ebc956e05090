/** Access tokens: what shows who asks. They are made, looked through and revoked here. */
import type { TokenView } from '@berth/contract'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { KeyRound, Plus } from 'lucide-react'
import { useState } from 'react'
import { client } from '../../api/client.ts'
import { tokensQuery } from '../../api/queries.ts'
import { Badge } from '../../design/badge.tsx'
import { Button } from '../../design/button.tsx'
import { Confirm } from '../../design/dialog.tsx'
import { EmptyState } from '../../design/empty-state.tsx'
import { ErrorNote } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { Cell, HeadCell, Row, Table } from '../../design/table.tsx'
import { toast } from '../../design/toast.tsx'
import { bytes, count } from '../../text/quantities.ts'
import { TimeAgo, useNow } from '../../text/time-ago.tsx'
import { NewToken } from './new-token.tsx'

export function TokensPage() {
  const { data, error } = useQuery(tokensQuery())
  const [isMaking, setMaking] = useState(false)
  const [leaving, setLeaving] = useState<TokenView>()
  const queries = useQueryClient()
  const revoke = useMutation({
    mutationFn: (token: TokenView) => client.revokeToken({ params: { id: token.id } }),
    onSuccess: (_, token) => toast.done(`${token.name} is revoked.`),
    onError: (problem, token) => toast.failed(`${token.name} could not be revoked`, problem),
    onSettled: () => {
      setLeaving(undefined)
      return queries.invalidateQueries({ queryKey: tokensQuery().queryKey })
    },
  })
  return (
    <Page
      title="Tokens"
      aside={data && <span className="tabular">{data.items.length}</span>}
      actions={
        <Button look="primary" icon={Plus} onClick={() => setMaking(true)}>
          New token
        </Button>
      }
    >
      {error && !data && <ErrorNote error={error} />}
      {!error && !data && <SkeletonRows rows={3} label="Loading the tokens" />}
      {data?.items.length === 0 && (
        <EmptyState icon={KeyRound} title="No tokens">
          A token lets a program, or a person, call endpoints and the API.
        </EmptyState>
      )}
      {data && data.items.length > 0 && (
        <Table>
          <thead>
            <tr>
              <HeadCell>Name</HeadCell>
              <HeadCell>Role</HeadCell>
              <HeadCell>Begins with</HeadCell>
              <HeadCell>Limits</HeadCell>
              <HeadCell>Created</HeadCell>
              <HeadCell>Last used</HeadCell>
              <HeadCell>Expires</HeadCell>
              <HeadCell>
                <span className="sr-only">Actions</span>
              </HeadCell>
            </tr>
          </thead>
          <tbody>
            {data.items.map((token) => (
              <TokenRow key={token.id} token={token} onRevoke={() => setLeaving(token)} />
            ))}
          </tbody>
        </Table>
      )}
      <NewToken open={isMaking} onClose={() => setMaking(false)} />
      <Confirm
        open={leaving !== undefined}
        onClose={() => setLeaving(undefined)}
        title={`Revoke ${leaving?.name}?`}
        description="Whatever uses it is refused from now on. It cannot be taken back."
        action="Revoke the token"
        danger
        busy={revoke.isPending}
        onConfirm={() => leaving && revoke.mutate(leaving)}
      />
    </Page>
  )
}

function TokenRow({ token, onRevoke }: { readonly token: TokenView; readonly onRevoke: () => void }) {
  const now = useNow()
  const isExpired = token.expiresAt !== null && Date.parse(token.expiresAt) <= now
  return (
    <Row>
      <Cell className="max-w-64 truncate font-medium" title={token.name}>
        {token.name}
      </Cell>
      <Cell>
        <Badge tone={token.role === 'write' ? 'accent' : 'plain'}>{token.role}</Badge>
      </Cell>
      <Cell className="font-mono text-xs whitespace-nowrap text-soft">{token.prefix}…</Cell>
      <Cell className="text-xs text-soft">{limitsOf(token)}</Cell>
      <Cell className="text-soft">
        <TimeAgo at={token.createdAt} />
      </Cell>
      <Cell className="text-soft">{token.lastUsedAt ? <TimeAgo at={token.lastUsedAt} /> : 'never'}</Cell>
      <Cell className="text-soft">
        {isExpired ? (
          <Badge tone="bad">expired</Badge>
        ) : token.expiresAt ? (
          <TimeAgo at={token.expiresAt} />
        ) : (
          'never'
        )}
      </Cell>
      <Cell className="text-right">
        <Button size="sm" look="quiet" onClick={onRevoke} aria-label={`Revoke ${token.name}`}>
          Revoke
        </Button>
      </Cell>
    </Row>
  )
}

function limitsOf({ limits = {} }: TokenView): string {
  const said = [
    limits.requestsPerMinute !== undefined && `${count(limits.requestsPerMinute)} requests/min`,
    limits.tokensPerMinute !== undefined && `${count(limits.tokensPerMinute)} tokens/min`,
    limits.concurrentRequests !== undefined && `${count(limits.concurrentRequests)} at once`,
    limits.bodyBytes !== undefined && `${bytes(limits.bodyBytes)} a request`,
    limits.requestSeconds !== undefined && `${count(limits.requestSeconds)} s a request`,
  ].filter(Boolean)
  return said.length > 0 ? said.join(', ') : 'none'
}
