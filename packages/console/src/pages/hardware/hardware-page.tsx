/** What there is to run on: instance types, what they cost, how much of them is taken. */
import { useQuery } from '@tanstack/react-query'
import { vendorsQuery } from '../../api/queries.ts'
import { useNamespace } from '../../app/namespace.ts'
import { ErrorNote } from '../../design/note.tsx'
import { Page } from '../../design/page.tsx'
import { SkeletonRows } from '../../design/skeleton.tsx'
import { Cell, HeadCell, Row, Table } from '../../design/table.tsx'
import { pricePerHour } from '../../text/quantities.ts'

export function HardwarePage() {
  const namespace = useNamespace()
  const { data, error } = useQuery(vendorsQuery(namespace))
  const offers = data?.vendors.flatMap((vendor) =>
    vendor.regions.flatMap((region) => region.computes.map((offer) => ({ vendor, region, offer }))),
  )
  return (
    <Page title="Hardware">
      {error && !data && <ErrorNote error={error} />}
      {!error && !offers && <SkeletonRows rows={4} label="Loading the hardware" />}
      {offers && (
        <Table>
          <thead>
            <tr>
              <HeadCell>Instance type</HeadCell>
              <HeadCell>Where</HeadCell>
              <HeadCell>Memory</HeadCell>
              <HeadCell>Price</HeadCell>
              <HeadCell>In use</HeadCell>
            </tr>
          </thead>
          <tbody>
            {offers.map(({ vendor, region, offer }) => (
              <Row key={offer.id}>
                <Cell className="font-medium">
                  {offer.instanceType} {offer.instanceSize}
                </Cell>
                <Cell className="text-soft">
                  {vendor.name}, {region.label}
                </Cell>
                <Cell>{offer.memoryGb} GB</Cell>
                <Cell>{pricePerHour(offer.pricePerHour)}</Cell>
                <Cell>
                  {offer.quota.usedAccelerators} of {offer.quota.maxAccelerators}
                </Cell>
              </Row>
            ))}
          </tbody>
        </Table>
      )}
    </Page>
  )
}
