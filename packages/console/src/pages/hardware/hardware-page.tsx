/** What there is to run on: instance types by region, what they cost, and how much of them is taken. */
import type { ComputeOffer } from '@berth/contract'
import { useQuery } from '@tanstack/react-query'
import { systemQuery, vendorsQuery } from '../../api/queries.ts'
import { useNamespace } from '../../app/namespace.ts'
import { Badge, type Tone } from '../../design/badge.tsx'
import { classNames } from '../../design/class-names.ts'
import { ErrorNote, Note } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { Cell, HeadCell, Row, Table } from '../../design/table.tsx'
import { memory, pricePerHour } from '../../text/quantities.ts'

const STATUS: Readonly<Record<ComputeOffer['status'], { readonly word: string; readonly tone: Tone }>> = {
  available: { word: 'available', tone: 'good' },
  low_availability: { word: 'few left', tone: 'warn' },
  not_available: { word: 'none left', tone: 'bad' },
  reserved: { word: 'reserved', tone: 'calm' },
  deprecated: { word: 'no longer offered', tone: 'plain' },
}

export function HardwarePage() {
  const namespace = useNamespace()
  const { data, error } = useQuery(vendorsQuery(namespace))
  const { data: system } = useQuery(systemQuery())
  const regions = data?.vendors.flatMap((vendor) =>
    vendor.regions.map((region) => ({ key: `${vendor.name}/${region.name}`, vendor, region })),
  )
  const notices = system?.runtimes.flatMap((runtime) => runtime.notices) ?? []
  return (
    <Page title="Hardware">
      {error && !data && <ErrorNote error={error} />}
      {!error && !regions && <SkeletonRows rows={4} label="Loading the hardware" />}
      <div className="flex flex-col gap-6">
        {system && (
          <Meter
            label="Memory of this machine"
            used={system.memory.reservedBytes}
            of={system.memory.totalBytes}
            text={`${memory(system.memory.reservedBytes)} of ${memory(system.memory.totalBytes)} reserved by replicas`}
          />
        )}
        {notices.map((notice) => (
          <Note key={notice} tone="calm">
            {notice}
          </Note>
        ))}
        {regions?.map(({ key, vendor, region }) => (
          <section key={key} aria-label={`${vendor.name}, ${region.label}`}>
            <h2 className="mb-2 text-sm font-semibold">
              {region.label} <span className="font-normal text-soft">{vendor.name}</span>
            </h2>
            <Table>
              <thead>
                <tr>
                  <HeadCell>Instance type</HeadCell>
                  <HeadCell>Price of a replica</HeadCell>
                  <HeadCell>Now</HeadCell>
                  <HeadCell>Processors</HeadCell>
                  <HeadCell>Memory</HeadCell>
                  <HeadCell>GPU memory</HeadCell>
                  <HeadCell>In use</HeadCell>
                </tr>
              </thead>
              <tbody>
                {region.computes.map((offer) => (
                  <OfferRow key={offer.id} offer={offer} />
                ))}
              </tbody>
            </Table>
          </section>
        ))}
      </div>
    </Page>
  )
}

function OfferRow({ offer }: { readonly offer: ComputeOffer }) {
  const { maxAccelerators, usedAccelerators } = offer.quota
  const status = STATUS[offer.status]
  const cpus = offer.numCpus ?? (offer.accelerator === 'cpu' ? offer.numAccelerators : undefined)
  return (
    <Row>
      <Cell className="font-medium whitespace-nowrap">
        {offer.instanceType} {offer.instanceSize}
      </Cell>
      <Cell>{pricePerHour(offer.pricePerHour)}</Cell>
      <Cell>
        <Badge tone={status.tone}>{status.word}</Badge>
      </Cell>
      <Cell>
        {offer.accelerator === 'cpu'
          ? `${cpus} CPU${cpus === 1 ? '' : 's'}`
          : `${offer.numAccelerators} × ${offer.architecture}`}
      </Cell>
      <Cell>{offer.memoryGb} GB</Cell>
      <Cell>{offer.gpuMemoryGb === null ? '–' : `${offer.gpuMemoryGb} GB`}</Cell>
      <Cell className="whitespace-nowrap">
        {usedAccelerators} of {maxAccelerators}
      </Cell>
    </Row>
  )
}

/** From here on it is time to think about it. */
const NEARLY = 0.85

function Meter({
  label,
  used,
  of,
  text,
}: {
  readonly label: string
  readonly used: number
  readonly of: number
  readonly text: string
}) {
  const share = of > 0 ? Math.min(1, used / of) : 0
  return (
    <div className="max-w-xl">
      <div className="mb-1.5 flex flex-wrap justify-between gap-x-4 text-sm">
        <span className="font-medium">{label}</span>
        <span className="tabular text-soft">{text}</span>
      </div>
      <div className="h-1.5 overflow-hidden rounded-full bg-pressed" aria-hidden="true">
        <div
          className={classNames('h-full rounded-full', share > NEARLY ? 'bg-warn' : 'bg-accent')}
          style={{ width: `${share * 100}%` }}
        />
      </div>
    </div>
  )
}
