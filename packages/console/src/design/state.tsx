/** The state of an endpoint: a word, a colour and a shape, so that no two are told apart by colour alone. */
import type { EndpointState } from '@berth/contract'
import { classNames } from './class-names.ts'

type Look = { readonly word: string; readonly colour: string; readonly shape: Shape }
type Shape = 'disc' | 'ring' | 'spin' | 'bars' | 'moon' | 'cross' | 'dots'

export const STATE_LOOKS: Readonly<Record<EndpointState, Look>> = {
  pending: { word: 'Pending', colour: 'text-busy', shape: 'dots' },
  initializing: { word: 'Initializing', colour: 'text-busy', shape: 'spin' },
  running: { word: 'Running', colour: 'text-good', shape: 'disc' },
  updating: { word: 'Updating', colour: 'text-busy', shape: 'spin' },
  updateFailed: { word: 'Update failed', colour: 'text-warn', shape: 'cross' },
  paused: { word: 'Paused', colour: 'text-faint', shape: 'bars' },
  scaledToZero: { word: 'Scaled to zero', colour: 'text-calm', shape: 'moon' },
  failed: { word: 'Failed', colour: 'text-bad', shape: 'cross' },
}

export function State({ state, className }: { readonly state: EndpointState; readonly className?: string }) {
  const { word, colour, shape } = STATE_LOOKS[state]
  return (
    <span className={classNames('inline-flex items-center gap-1.5 whitespace-nowrap', className)}>
      <svg viewBox="0 0 12 12" className={classNames('size-3 shrink-0', colour)} aria-hidden="true">
        {SHAPES[shape]}
      </svg>
      {word}
    </span>
  )
}

const stroke = { fill: 'none', stroke: 'currentColor', strokeWidth: 1.8, strokeLinecap: 'round' } as const

const SHAPES: Readonly<Record<Shape, React.ReactNode>> = {
  disc: <circle cx="6" cy="6" r="4" fill="currentColor" />,
  ring: <circle cx="6" cy="6" r="3.6" {...stroke} />,
  spin: (
    <g className="turning origin-center">
      <circle cx="6" cy="6" r="4" {...stroke} opacity="0.28" />
      <path d="M6 2a4 4 0 0 1 4 4" {...stroke} />
    </g>
  ),
  bars: <path d="M4 2.5v7M8 2.5v7" {...stroke} strokeWidth="2" />,
  moon: <path d="M9.6 7.4A4.2 4.2 0 1 1 5 2.2a3.4 3.4 0 0 0 4.6 5.2Z" fill="currentColor" />,
  cross: <path d="m3 3 6 6M9 3 3 9" {...stroke} strokeWidth="2" />,
  dots: (
    <g fill="currentColor">
      <circle cx="2.2" cy="6" r="1.3" />
      <circle cx="6" cy="6" r="1.3" />
      <circle cx="9.8" cy="6" r="1.3" />
    </g>
  ),
}
