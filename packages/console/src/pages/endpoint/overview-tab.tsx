/** What an endpoint is and how it is: what runs, where, since when, how it did, and how to call it. */
import { useQuery } from '@tanstack/react-query'
import { replicasQuery } from '../../api/queries.ts'
import { Badge } from '../../design/badge.tsx'
import { Card, Fact, Facts } from '../../design/card.tsx'
import { CopyButton } from '../../design/code-block.tsx'
import { Note } from '../../design/note.tsx'
import { ImageDigest } from '../../text/image-digest.tsx'
import { TimeAgo } from '../../text/time-ago.tsx'
import { useEndpoint } from './endpoint-context.ts'
import { exampleRequest } from './overview/example-request.ts'
import { LastChanges } from './overview/last-changes.tsx'
import { LastHour } from './overview/last-hour.tsx'
import { StartProgress } from './overview/start-progress.tsx'
import { RequestCode } from './playground/request-code.tsx'

const ACCESS_WORDS = {
  private: 'members of the namespace',
  authenticated: 'anyone with a token',
  public: 'anyone',
} as const

export function OverviewTab() {
  const endpoint = useEndpoint()
  const { status } = endpoint
  return (
    <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
      {status.errorMessage ? (
        <Note tone="bad" className="whitespace-pre-wrap lg:col-span-2">
          {status.errorMessage}
        </Note>
      ) : (
        status.state !== 'running' && (
          <Note
            tone={status.state === 'paused' || status.state === 'scaledToZero' ? 'calm' : 'busy'}
            className="lg:col-span-2"
          >
            {status.message}
          </Note>
        )
      )}
      {status.progress && (
        <div className="lg:col-span-2">
          <StartProgress status={status} />
        </div>
      )}
      <Card title="URL" className="lg:col-span-2" bodyClassName="flex items-center gap-2 px-4 py-2">
        <code className="min-w-0 flex-1 font-mono text-xs">{status.url ?? 'Not yet known'}</code>
        {status.url && <CopyButton text={status.url} label="Copy the URL" />}
      </Card>
      <LastHour />
      <Configuration />
      <Replicas />
      {status.url && (
        <div className="lg:col-span-2">
          <RequestCode title="Call it" request={exampleRequest(endpoint, status.url)} />
        </div>
      )}
      <LastChanges />
    </div>
  )
}

function Configuration() {
  const { model, compute, engine, imageDigest, type, tags, provider, status } = useEndpoint()
  const { minReplica, maxReplica, scaleToZeroTimeout } = compute.scaling
  return (
    <Card title="Configuration">
      <Facts>
        <Fact name="Model">
          <span className="font-mono text-xs">{model.repository}</span>
          {model.revision && (
            <span className="ml-2 font-mono text-xs text-soft">{model.revision.slice(0, 12)}</span>
          )}
        </Fact>
        <Fact name="Engine">{engine ?? 'chosen at the first start'}</Fact>
        {imageDigest && (
          <Fact name="Image">
            <ImageDigest image={imageDigest} />
          </Fact>
        )}
        <Fact name="Task">{model.task ?? 'not said'}</Fact>
        <Fact name="May be called by">{ACCESS_WORDS[type]}</Fact>
        <Fact name="Hardware">
          {compute.instanceType} {compute.instanceSize}, {provider.vendor} {provider.region}
        </Fact>
        <Fact name="Replicas">
          {minReplica === maxReplica ? maxReplica : `${minReplica} to ${maxReplica}`}
          {scaleToZeroTimeout !== null &&
            scaleToZeroTimeout !== undefined &&
            `, asleep after ${scaleToZeroTimeout} idle minutes`}
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
        <Fact name="Changed">
          <TimeAgo at={status.updatedAt} />, by {status.updatedBy.name}
        </Fact>
        <Fact name="Last called">{status.lastUsedAt ? <TimeAgo at={status.lastUsedAt} /> : 'never'}</Fact>
      </Facts>
    </Card>
  )
}

function Replicas() {
  const { namespace, name, status } = useEndpoint()
  const { data: replicas } = useQuery(replicasQuery(namespace, name))
  return (
    <Card title="Replicas" aside={`${status.readyReplica} ready of ${status.targetReplica}`}>
      {replicas?.items.length ? (
        <ul className="flex flex-col gap-2">
          {replicas.items.map((replica) => (
            <li key={replica.id} className="flex flex-wrap items-baseline gap-x-4">
              <code className="font-mono text-xs">{replica.id}</code>
              <span>{replica.status.stage}</span>
              <span className="text-xs text-soft">revision {replica.revision}</span>
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
  )
}
