/**
 * Buttons, and links that look like them.
 *
 * A button that cannot be pressed now says why: it stays reachable by keyboard and shows the reason beside it.
 */
import { Link, type LinkComponentProps } from '@tanstack/react-router'
import { LoaderCircle, type LucideIcon } from 'lucide-react'
import type { ComponentProps, ReactNode } from 'react'
import { classNames } from './class-names.ts'
import { Tooltip } from './tooltip.tsx'

export type ButtonLook = 'primary' | 'secondary' | 'quiet' | 'danger'
type Size = 'md' | 'sm'

const LOOKS: Readonly<Record<ButtonLook, string>> = {
  primary: 'bg-primary text-on-primary shadow-low hover:bg-primary-hover',
  secondary: 'bg-surface text-ink border border-line-strong shadow-low hover:bg-hover active:bg-pressed',
  quiet: 'text-soft hover:bg-hover hover:text-ink active:bg-pressed',
  danger: 'bg-bad text-on-bad shadow-low hover:opacity-90',
}
const SIZES: Readonly<Record<Size, string>> = {
  md: 'h-8 px-3 gap-1.5 text-sm pointer-coarse:h-10',
  sm: 'h-7 px-2 gap-1 text-xs pointer-coarse:h-9',
}
const BASE =
  'inline-flex shrink-0 items-center justify-center rounded-md font-medium whitespace-nowrap select-none transition-colors'
const REFUSED = 'opacity-50 shadow-none hover:bg-transparent cursor-not-allowed'

export function buttonClasses(look: ButtonLook = 'secondary', size: Size = 'md'): string {
  return classNames(BASE, LOOKS[look], SIZES[size])
}

type ButtonProps = Omit<ComponentProps<'button'>, 'disabled'> & {
  readonly look?: ButtonLook
  readonly size?: Size
  readonly icon?: LucideIcon
  /** The sentence that says why it cannot be pressed; undefined when it can. */
  readonly refusal?: string | undefined
  /** Something it began is still going on. */
  readonly busy?: boolean
}

export function Button({
  look = 'secondary',
  size = 'md',
  icon: Icon,
  refusal,
  busy = false,
  className,
  onClick,
  children,
  type = 'button',
  ...rest
}: ButtonProps) {
  const button = (
    <button
      {...rest}
      type={type}
      aria-disabled={refusal !== undefined || busy || undefined}
      aria-busy={busy || undefined}
      className={classNames(BASE, LOOKS[look], SIZES[size], refusal !== undefined && REFUSED, className)}
      onClick={(event) => {
        if (refusal !== undefined || busy) event.preventDefault()
        else onClick?.(event)
      }}
    >
      <ButtonContent icon={Icon} busy={busy}>
        {children}
      </ButtonContent>
    </button>
  )
  return refusal === undefined ? button : <Tooltip text={refusal}>{button}</Tooltip>
}

/** A button that is only an icon: its name is read out and shown as a tooltip. */
export function IconButton({
  icon: Icon,
  label,
  refusal,
  size = 'md',
  className,
  onClick,
  ...rest
}: Omit<ComponentProps<'button'>, 'disabled' | 'children'> & {
  readonly icon: LucideIcon
  readonly label: string
  readonly refusal?: string | undefined
  readonly size?: Size
}) {
  return (
    <Tooltip text={refusal ? `${label}: ${refusal}` : label}>
      <button
        {...rest}
        type="button"
        aria-label={label}
        aria-disabled={refusal !== undefined || undefined}
        className={classNames(
          BASE,
          LOOKS.quiet,
          size === 'md' ? 'size-8 pointer-coarse:size-10' : 'size-7 pointer-coarse:size-9',
          refusal !== undefined && REFUSED,
          className,
        )}
        onClick={(event) => {
          if (refusal !== undefined) event.preventDefault()
          else onClick?.(event)
        }}
      >
        <Icon className="size-4" aria-hidden />
      </button>
    </Tooltip>
  )
}

/** A link that looks like a button: it goes somewhere, so it may be opened in another tab. */
export function ButtonLink({
  look = 'secondary',
  size = 'md',
  icon,
  className,
  children,
  ...link
}: Omit<LinkComponentProps, 'children' | 'className'> & {
  readonly look?: ButtonLook
  readonly size?: Size
  readonly icon?: LucideIcon
  readonly className?: string
  readonly children: ReactNode
}) {
  return (
    <Link {...link} className={classNames(BASE, LOOKS[look], SIZES[size], className)}>
      <ButtonContent icon={icon} busy={false}>
        {children}
      </ButtonContent>
    </Link>
  )
}

function ButtonContent({
  icon: Icon,
  busy,
  children,
}: {
  readonly icon: LucideIcon | undefined
  readonly busy: boolean
  readonly children: ReactNode
}) {
  return (
    <>
      {busy ? (
        <LoaderCircle className="turning size-3.5" aria-hidden />
      ) : (
        Icon && <Icon className="size-3.5" aria-hidden />
      )}
      {children}
    </>
  )
}
