/** What is typed into: a label, the control, help and what is wrong with it, tied together for every reader. */
import { Field as Base } from '@base-ui/react/field'
import type { ComponentProps, ReactNode } from 'react'
import { classNames } from './class-names.ts'
import { CONTROL } from './control.ts'

export type FieldProps = {
  readonly label: ReactNode
  readonly help?: ReactNode
  /** What is wrong with the value, as one sentence. */
  readonly error?: string | undefined
  readonly optional?: boolean
  readonly className?: string
  readonly children: ReactNode
  /** The label is read out, and not shown. */
  readonly labelHidden?: boolean
}

export function Field({ label, help, error, optional, className, labelHidden, children }: FieldProps) {
  return (
    <Base.Root
      invalid={error !== undefined}
      className={classNames('flex min-w-0 flex-col gap-1.5', className)}
    >
      <Base.Label className={labelHidden ? 'sr-only' : 'text-sm font-medium'}>
        {label}
        {optional && <span className="ml-1.5 font-normal text-faint">optional</span>}
      </Base.Label>
      {children}
      {error !== undefined && (
        <Base.Error match className="text-xs text-bad">
          {error}
        </Base.Error>
      )}
      {help && <Base.Description className="text-xs text-soft">{help}</Base.Description>}
    </Base.Root>
  )
}

type InputProps = Omit<ComponentProps<'input'>, 'onChange' | 'value' | 'defaultValue'> & {
  readonly value: string
  readonly onValue: (value: string) => void
  readonly mono?: boolean
}

export function Input({ value, onValue, mono, className, ...rest }: InputProps) {
  return (
    <Base.Control
      spellCheck={false}
      autoComplete="off"
      {...rest}
      value={value}
      onValueChange={onValue}
      className={classNames(CONTROL, 'w-full', mono && 'font-mono text-xs', className)}
    />
  )
}

export function Textarea({
  value,
  onValue,
  mono,
  className,
  ...rest
}: Omit<ComponentProps<'textarea'>, 'onChange' | 'value' | 'defaultValue'> & {
  readonly value: string
  readonly onValue: (value: string) => void
  readonly mono?: boolean
}) {
  return (
    <Base.Control
      render={<textarea {...rest} spellCheck={false} />}
      value={value}
      onValueChange={onValue}
      className={classNames(CONTROL, 'h-auto min-h-16 w-full py-1.5', mono && 'font-mono text-xs', className)}
    />
  )
}
