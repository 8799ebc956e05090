/** Hardware as tiles: what it is, what it costs, whether the model fits, and if not, what would help. */
import type { InstanceFit, Recommendation } from '@berth/contract'
import { CircleCheck, CircleHelp, CircleX } from 'lucide-react'
import { classNames } from '../../design/class-names.ts'
import { Problem } from '../../design/problem.tsx'
import { memory, pricePerHour } from '../../text/quantities.ts'
import { type InstanceOffer, instanceRefusal, isAt, type Place } from './instances.ts'

export function InstanceTiles({
  instances,
  judged,
  chosen,
  error,
  onChoose,
}: {
  readonly instances: readonly InstanceOffer[]
  readonly judged: Recommendation | undefined
  readonly chosen: Place
  readonly error: string | undefined
  readonly onChoose: (place: Place) => void
}) {
  return (
    <>
      <fieldset className="grid grid-cols-1 gap-2.5 sm:grid-cols-2 2xl:grid-cols-3">
        <legend className="sr-only">Instance type</legend>
        {instances.map((offer) => (
          <Tile
            key={offer.id}
            offer={offer}
            fit={judged?.instances.find((one) => one.id === offer.id)}
            isSuggested={judged?.suggestedCompute === offer.id}
            isChosen={isAt(chosen, offer)}
            onChoose={() =>
              onChoose({
                vendor: offer.vendor,
                region: offer.region,
                accelerator: offer.accelerator,
                instanceType: offer.instanceType,
                instanceSize: offer.instanceSize,
              })
            }
          />
        ))}
      </fieldset>
      <Problem text={error} className="mt-2" />
    </>
  )
}

function Tile({
  offer,
  fit,
  isSuggested,
  isChosen,
  onChoose,
}: {
  readonly offer: InstanceOffer
  readonly fit: InstanceFit | undefined
  readonly isSuggested: boolean
  readonly isChosen: boolean
  readonly onChoose: () => void
}) {
  const refusal = instanceRefusal(offer)
  return (
    <label
      className={classNames(
        'flex flex-col gap-1 rounded-lg border p-3 transition-colors has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-focus',
        isChosen
          ? 'border-accent bg-accent-soft ring-1 ring-accent'
          : 'border-line-strong bg-surface hover:bg-hover',
        refusal !== undefined && !isChosen && 'bg-well hover:bg-well',
      )}
    >
      <input
        type="radio"
        name="instance"
        className="sr-only"
        checked={isChosen}
        disabled={refusal !== undefined && !isChosen}
        onChange={onChoose}
      />
      <span className="flex items-baseline justify-between gap-2">
        <span className="font-semibold">
          {offer.instanceType} {offer.instanceSize}
        </span>
        <span className="tabular text-sm">{pricePerHour(offer.pricePerHour)}</span>
      </span>
      <span className="text-xs text-soft">
        {offer.accelerator === 'gpu'
          ? `${offer.numAccelerators} GPU${offer.numAccelerators === 1 ? '' : 's'}, ${offer.gpuMemoryGb ?? '?'} GB`
          : `${offer.numCpus ?? offer.numAccelerators} CPU${(offer.numCpus ?? offer.numAccelerators) === 1 ? '' : 's'}`}
        {` · ${offer.memoryGb} GB · ${offer.vendor}, ${offer.regionLabel}`}
      </span>
      {refusal === undefined ? <Fit fit={fit} isSuggested={isSuggested} /> : <Verdict bad>{refusal}</Verdict>}
    </label>
  )
}

function Fit({ fit, isSuggested }: { readonly fit: InstanceFit | undefined; readonly isSuggested: boolean }) {
  if (!fit) return null
  if (fit.fits === null) {
    return (
      <span className="mt-1 flex items-center gap-1.5 text-xs text-soft">
        <CircleHelp className="size-3.5 shrink-0" aria-hidden />
        {fit.message}
      </span>
    )
  }
  const share = fit.estimate ? Math.min(1, fit.estimate.totalBytes / fit.bytesPerDevice) : 0
  return (
    <span className="mt-1 flex flex-col gap-1.5">
      {fit.estimate && (
        <span className="flex items-center gap-2 text-xs text-soft">
          <span aria-hidden="true" className="h-1 flex-1 overflow-hidden rounded-full bg-pressed">
            <span
              className={classNames('block h-full rounded-full', fit.fits ? 'bg-accent' : 'bg-bad')}
              style={{ width: `${Math.max(2, share * 100)}%` }}
            />
          </span>
          <span className="tabular">
            {memory(fit.estimate.totalBytes)} of {memory(fit.bytesPerDevice)}
          </span>
        </span>
      )}
      <Verdict bad={!fit.fits}>
        {fit.fits ? (isSuggested ? 'Suggested: the smallest that fits' : fit.message) : fit.message}
      </Verdict>
      {!fit.fits &&
        fit.changes.map((change) => (
          <span key={change.message} className="pl-5 text-xs text-soft">
            {change.message}
          </span>
        ))}
    </span>
  )
}

function Verdict({ bad, children }: { readonly bad: boolean; readonly children: string }) {
  const Icon = bad ? CircleX : CircleCheck
  return (
    <span className={classNames('flex items-start gap-1.5 text-xs', bad ? 'text-bad' : 'text-good')}>
      <Icon className="mt-px size-3.5 shrink-0" aria-hidden />
      {children}
    </span>
  )
}
