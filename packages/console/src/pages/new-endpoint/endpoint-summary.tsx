/** What the form comes to: hardware, cost per hour and month, the button, and the same thing as code. */
import type { Endpoint, Recommendation } from '@berth/contract'
import { useState } from 'react'
import { useNamespaces } from '../../app/namespace.ts'
import { Button } from '../../design/button.tsx'
import { Card, Fact, Facts } from '../../design/card.tsx'
import { CodeBlock } from '../../design/code-block.tsx'
import { ErrorNote, Note } from '../../design/note.tsx'
import { Segmented } from '../../design/tabs.tsx'
import { money, pricePerHour } from '../../text/quantities.ts'
import { type CodeLanguage, endpointAsCode, unsaidByCommand } from './as-code.ts'
import type { InstanceOffer } from './instances.ts'

const HOURS_OF_A_MONTH = 730

const LANGUAGES: readonly { readonly value: CodeLanguage; readonly label: string }[] = [
  { value: 'berth', label: 'Command' },
  { value: 'curl', label: 'curl' },
  { value: 'python', label: 'Python' },
]

export function EndpointSummary({
  namespace,
  endpoint,
  instance,
  judged,
  error,
  refusal,
  busy,
}: {
  readonly namespace: string
  readonly endpoint: Endpoint
  readonly instance: InstanceOffer | undefined
  readonly judged: Recommendation | undefined
  readonly error: Error | null
  /** Why it cannot be created yet. */
  readonly refusal: string | undefined
  readonly busy: boolean
}) {
  const [language, setLanguage] = useState<CodeLanguage>('berth')
  const [own] = useNamespaces()
  const target = { url: location.origin, namespace, ownNamespace: namespace === own }
  const unsaid = language === 'berth' ? unsaidByCommand(endpoint) : []
  const fit = judged?.instances.find((one) => one.id === instance?.id)
  return (
    <aside aria-label="Summary" className="flex min-w-0 flex-col gap-4 lg:sticky lg:top-6">
      <Card bodyClassName="flex flex-col gap-4 p-4">
        <Cost endpoint={endpoint} price={instance?.pricePerHour} />
        <Facts>
          <Fact name="Hardware">
            {endpoint.compute.instanceType} {endpoint.compute.instanceSize}
          </Fact>
          <Fact name="Replicas">
            {endpoint.compute.scaling.minReplica} to {endpoint.compute.scaling.maxReplica}
          </Fact>
          <Fact name="Access">{endpoint.type}</Fact>
        </Facts>
        {fit?.fits === false && <Note tone="warn">{fit.message}</Note>}
        {error && <ErrorNote error={error} />}
        <Button type="submit" look="primary" busy={busy} refusal={refusal} className="h-9 w-full">
          Create the endpoint
        </Button>
      </Card>
      <Card
        title="The same as code"
        aside={<Segmented label="Language" value={language} choices={LANGUAGES} onValue={setLanguage} />}
        bodyClassName="p-3"
      >
        <CodeBlock
          code={endpointAsCode(language, endpoint, target)}
          label={`${language} code`}
          className="max-h-96 overflow-auto"
        />
        {unsaid.length > 0 && (
          <p className="mt-2 text-xs text-soft">
            This command leaves out {unsaid.join(' and ')}; curl and Python say it.
          </p>
        )}
      </Card>
    </aside>
  )
}

function Cost({ endpoint, price }: { readonly endpoint: Endpoint; readonly price: number | undefined }) {
  const { minReplica, maxReplica } = endpoint.compute.scaling
  if (price === undefined) return null
  if (price === 0) {
    return (
      <p>
        <span className="text-xl font-semibold tracking-tight">Free</span>
        <span className="ml-2 text-soft">on hardware of your own</span>
      </p>
    )
  }
  const least = price * minReplica
  const most = price * maxReplica
  return (
    <div>
      <p>
        <span className="tabular text-xl font-semibold tracking-tight">{pricePerHour(price)}</span>
        <span className="ml-2 text-soft">for each replica that runs</span>
      </p>
      <p className="tabular mt-1 text-xs text-soft">
        {money(least)} to {money(most)} an hour, at most {money(most * HOURS_OF_A_MONTH)} a month
      </p>
    </div>
  )
}
