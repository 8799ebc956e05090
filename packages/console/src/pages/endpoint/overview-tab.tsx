/** What an endpoint is and how it is: what runs, where, since when, and how to call it. */
import { useQuery } from '@tanstack/react-query'
import { replicasQuery } from '../../api/queries.ts'
import { Badge } from '../../design/badge.tsx'
import { Card, Fact, Facts } from '../../design/card.tsx'
import { CodeBlock, CopyButton } from '../../design/code-block.tsx'
import { Note } from '../../design/note.tsx'
import { TimeAgo } from '../../text/time-ago.tsx'
import { useEndpoint } from './endpoint-context.ts'

export function OverviewTab() {
  const { namespace, name, status, model, compute, engine, type, tags, provider } = useEndpoint()
  const { data: replicas } = useQuery(replicasQuery(namespace, name))
  const url = status.url
  return (
    <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
      {status.errorMessage && (
        <Note tone="bad" className="lg:col-span-2">
          {status.errorMessage}
        </Note>
      )}
      {status.state !== 'running' && !status.errorMessage && (
        <Note tone="busy" className="lg:col-span-2">
          {status.message}
        </Note>
      )}
      <Card title="URL" className="lg:col-span-2" bodyClassName="flex items-center gap-2 px-4 py-2">
        <code className="min-w-0 flex-1 font-mono text-xs">{url ?? 'Not yet known'}</code>
        {url && <CopyButton text={url} label="Copy the URL" />}
      </Card>
      <Card title="Configuration">
        <Facts>
          <Fact name="Model">
            <span className="font-mono text-xs">{model.repository}</span>
          </Fact>
          <Fact name="Engine">{engine ?? 'chosen at the first start'}</Fact>
          <Fact name="Task">{model.task ?? 'not said'}</Fact>
          <Fact name="Access">{type}</Fact>
          <Fact name="Hardware">
            {compute.instanceType} {compute.instanceSize}, {provider.vendor} {provider.region}
          </Fact>
          <Fact name="Replicas">
            {compute.scaling.minReplica} to {compute.scaling.maxReplica}
          </Fact>
          {tags.length > 0 && (
            <Fact name="Tags">
              <span className="flex flex-wrap gap-1">
                {tags.map((tag) => (
                  <Badge key={tag}>{tag}</Badge>
                ))}
              </span>
            </Fact>
          )}
        </Facts>
      </Card>
      <Card title="Replicas" aside={`${status.readyReplica} ready of ${status.targetReplica}`}>
        {replicas?.items.length ? (
          <ul className="flex flex-col gap-2">
            {replicas.items.map((replica) => (
              <li key={replica.id} className="flex flex-wrap items-baseline gap-x-4">
                <code className="font-mono text-xs">{replica.id}</code>
                <span>{replica.status.stage}</span>
                <span className="ml-auto text-soft">
                  <TimeAgo at={replica.startedAt} />
                </span>
              </li>
            ))}
          </ul>
        ) : (
          <p className="text-soft">None runs.</p>
        )}
      </Card>
      {url && (
        <CodeBlock
          className="lg:col-span-2"
          label="request with curl"
          code={`curl ${url}/v1/chat/completions \\\n  -H "Authorization: Bearer $BERTH_TOKEN" -H 'Content-Type: application/json' \\\n  -d '${JSON.stringify({ model: name, messages: [{ role: 'user', content: 'Hello' }] })}'`}
        />
      )}
    </div>
  )
}
